//! Paths: the steps of a customer as a list, what they look like, and what matters of them.

mod path_agg;
mod path_exposure;
mod path_find;
mod path_first;
mod path_frequency;
mod path_function;
mod path_match;
mod path_remove;
mod path_remove_tail;
mod path_step_counts;
mod path_steps;
mod path_trim;
mod pattern;
mod patterns;
mod transitions;

pub use path_agg::path_agg_udaf;
pub use path_exposure::path_exposure_udf;
pub use path_find::path_find_udf;
pub use path_first::path_first_udf;
pub use path_frequency::path_frequency_udf;
pub use path_match::path_match_udf;
pub use path_remove::path_remove_udf;
pub use path_remove_tail::path_remove_tail_udf;
pub use path_step_counts::path_step_counts_udaf;
pub use path_steps::path_steps_udaf;
pub use path_trim::path_trim_udf;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![path_agg_udaf(), path_step_counts_udaf(), path_steps_udaf()]
}

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        path_match_udf(),
        path_find_udf(),
        path_exposure_udf(),
        path_first_udf(),
        path_remove_udf(),
        path_remove_tail_udf(),
        path_frequency_udf(),
        path_trim_udf(),
    ]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::{Expr, lit};

    /// The path of a customer: `path_agg(value, ts)`.
    pub fn path_agg(value: Expr, ts: Expr) -> Expr {
        super::path_agg_udaf().call(vec![value, ts])
    }

    /// The path of a customer as steps: `path_steps(value, ts)`.
    pub fn path_steps(value: Expr, ts: Expr) -> Expr {
        super::path_steps_udaf().call(vec![value, ts])
    }

    /// How often one step follows another: `path_step_counts(steps)`.
    pub fn path_step_counts(steps: Expr) -> Expr {
        super::path_step_counts_udaf().call(vec![steps])
    }

    /// Whether a pattern matches a path: `path_match(path, pattern)`.
    pub fn path_match(path: Expr, pattern: &str) -> Expr {
        super::path_match_udf().call(vec![path, lit(pattern)])
    }

    /// Where a pattern matches a path: `path_find(path, pattern)`.
    pub fn path_find(path: Expr, pattern: &str) -> Expr {
        super::path_find_udf().call(vec![path, lit(pattern)])
    }
}
