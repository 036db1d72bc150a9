//! `FROM t MATCH_RECOGNIZE (…)`: row patterns, as SQL:2016 has them.
//!
//! The customers' rows are searched for a pattern such as `complaint falling+`, whose variables have
//! conditions. A statement goes through these steps:
//!
//! - `tokens`: what the parser does not know is written so that it does;
//! - [`plan`]: the clauses become the node [`MatchRecognize`](node::MatchRecognize), with the pieces
//!   of MEASURES and DEFINE that speak of rows as `marker`s in ordinary expressions;
//! - `compile`: markers become columns that the operator fills, the pattern a `program`;
//! - [`exec`]: rows arrive in the order of the keys and ORDER BY; whole partitions are cut off
//!   (`chunk`), conditions on the row and its neighbours are evaluated for all of them at once, the
//!   [`matcher`] runs over the bits, and `run` makes the answer's rows.
//!
//! Semantics where the standard leaves room: rows that ORDER BY leaves equal are in the order of the
//! other columns that the statement reads; an iteration of a loop that takes no row is not tried a
//! second time; `classifier()` gives a variable as PATTERN writes it first.

mod chunk;
mod clauses;
mod compile;
mod exec;
mod expressions;
mod marker;
mod matcher;
mod node;
mod program;
mod run;
mod slots;
#[cfg(test)]
mod tests;
pub(crate) mod tokens;
mod variables;

pub(crate) use clauses::plan;
pub(crate) use compile::MatchRecognizePlanner;

/// Most steps of the search for one match where conditions look at the match so far. Without such
/// conditions there is no limit: what has failed is remembered.
const MAX_MATCH_STEPS: u64 = 10_000_000;
