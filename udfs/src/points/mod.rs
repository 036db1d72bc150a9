//! Turning points: what changed a customer's life, and where any series changes its level.

mod change_points;
mod life;
mod options;
mod pelt;
mod point_list;
mod rates;
mod steady;
mod turning_points;
mod vocabulary;

pub use change_points::change_points_udaf;
pub use turning_points::turning_points_udaf;
pub use vocabulary::event_types;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![change_points_udaf(), turning_points_udaf()]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// Where a series changes its level: `change_points(ts, value)`.
    pub fn change_points(ts: Expr, value: Expr) -> Expr {
        super::change_points_udaf().call(vec![ts, value])
    }

    /// What turned a customer's life: `turning_points(ts, event_type, amount)`.
    pub fn turning_points(ts: Expr, event_type: Expr, amount: Expr) -> Expr {
        super::turning_points_udaf().call(vec![ts, event_type, amount])
    }
}
