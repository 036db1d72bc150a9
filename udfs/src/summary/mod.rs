//! What is known of a customer from the purchases alone.

pub(crate) mod core;
pub(crate) mod customer_summary;
pub(crate) mod schema;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

pub use customer_summary::customer_summary_udaf;

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
}
