//! The rhythm of a customer: how regular, how overdue, and whether it rises or falls.

mod cadence;
mod core;
mod trend;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

pub(crate) use self::core::erfc;
pub use cadence::cadence_udaf;
pub use trend::trend_udaf;

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![cadence_udaf(), trend_udaf()]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// A customer's own rhythm: `cadence(ts)`.
    pub fn cadence(ts: Expr) -> Expr {
        super::cadence_udaf().call(vec![ts])
    }

    /// Whether activity rises or falls: `trend(ts, value)`.
    pub fn trend(ts: Expr, value: Expr) -> Expr {
        super::trend_udaf().call(vec![ts, value])
    }
}
