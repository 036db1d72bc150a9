//! Turning points: what changed a customer's life, and where any series changes its level.

mod abandoned;
mod carts;
mod change_points;
mod life;
mod options;
mod pelt;
mod point;
mod point_list;
mod rates;
mod steady;
mod turning_points;
mod vocabulary;

pub use abandoned::abandoned_udaf;
pub use change_points::change_points_udaf;
pub(crate) use options::bucket_start;
pub use turning_points::turning_points_udaf;
pub use vocabulary::event_types;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![abandoned_udaf(), change_points_udaf(), turning_points_udaf()]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// What became of a customer's carts: `abandoned(window, ts, add_cond, convert_cond)`.
    pub fn abandoned(window: Expr, ts: Expr, add_cond: Expr, convert_cond: Expr) -> Expr {
        super::abandoned_udaf().call(vec![window, ts, add_cond, convert_cond])
    }

    /// Where a series changes its level: `change_points(ts, value)`.
    pub fn change_points(ts: Expr, value: Expr) -> Expr {
        super::change_points_udaf().call(vec![ts, value])
    }

    /// What turned a customer's life: `turning_points(ts, event_type, amount)`.
    pub fn turning_points(ts: Expr, event_type: Expr, amount: Expr) -> Expr {
        super::turning_points_udaf().call(vec![ts, event_type, amount])
    }
}
