//! Sequences: whether customers do one thing after another, how often, when, and what comes next.

mod arguments;
mod core;
mod pattern;
mod sequence_count;
mod sequence_match;
mod sequence_match_events;
mod sequence_next_node;

pub use sequence_count::sequence_count_udaf;
pub use sequence_match::sequence_match_udaf;
pub use sequence_match_events::sequence_match_events_udaf;
pub use sequence_next_node::sequence_next_node_udaf;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![
        sequence_match_udaf(),
        sequence_count_udaf(),
        sequence_match_events_udaf(),
        sequence_next_node_udaf(),
    ]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::{Expr, lit};

    fn call(pattern: &str, ts: Expr, conditions: Vec<Expr>) -> Vec<Expr> {
        [vec![lit(pattern), ts], conditions].concat()
    }

    /// Whether rows match a pattern: `sequence_match(pattern, ts, condition1, …)`.
    pub fn sequence_match(pattern: &str, ts: Expr, conditions: Vec<Expr>) -> Expr {
        super::sequence_match_udaf().call(call(pattern, ts, conditions))
    }

    /// How often rows match a pattern: `sequence_count(pattern, ts, condition1, …)`.
    pub fn sequence_count(pattern: &str, ts: Expr, conditions: Vec<Expr>) -> Expr {
        super::sequence_count_udaf().call(call(pattern, ts, conditions))
    }

    /// When: `sequence_match_events(pattern, ts, condition1, …)`.
    pub fn sequence_match_events(pattern: &str, ts: Expr, conditions: Vec<Expr>) -> Expr {
        super::sequence_match_events_udaf().call(call(pattern, ts, conditions))
    }
}
