//! What is known of a customer from the purchases alone.

pub(crate) mod core;
pub(crate) mod customer_summary;
pub(crate) mod schema;
pub(crate) mod summary_at;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub use customer_summary::customer_summary_udaf;
pub use summary_at::summary_at_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![summary_at_udf()]
}

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![customer_summary_udaf()]
}

/// The calls of this family for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// `customer_summary(ts, amount)` as of the session's `tenure.as_of`, in days.
    pub fn customer_summary(ts: Expr, amount: Expr) -> Expr {
        super::customer_summary_udaf().call(vec![ts, amount])
    }

    /// The summary of a list of times as of a point in time: `summary_at(times, as_of)`.
    pub fn summary_at(times: Expr, as_of: Expr) -> Expr {
        super::summary_at_udf().call(vec![times, as_of])
    }
}
