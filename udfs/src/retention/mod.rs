//! Retention: who came, who came back, and who stays away.

mod active_periods;
mod cell_lists;
mod cells;
mod engagement;
mod engagement_state;
pub mod facts;
mod grid;
mod matrix_options;
mod period_sets;
#[expect(
    clippy::module_inception,
    reason = "a function is a file, and this one has the family's name"
)]
mod retention;
mod retention_cells;
mod retention_grid;
mod retention_ordered;
mod returns;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, WindowUDF};

pub use active_periods::active_periods_udaf;
pub use engagement_state::engagement_state_udwf;
pub use retention::retention_udaf;
pub use retention_cells::retention_cells_udaf;
pub use retention_grid::retention_grid_udaf;
pub use retention_ordered::retention_ordered_udaf;

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![
        active_periods_udaf(),
        retention_udaf(),
        retention_cells_udaf(),
        retention_grid_udaf(),
        retention_ordered_udaf(),
    ]
}

/// The window functions of this family.
pub fn window_functions() -> Vec<Arc<WindowUDF>> {
    vec![engagement_state_udwf()]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// Which conditions one customer met, if the first: `retention(condition1, …)`.
    pub fn retention(conditions: Vec<Expr>) -> Expr {
        super::retention_udaf().call(conditions)
    }

    /// Which conditions one customer met after the first: `retention_ordered(ts, condition1, …)`.
    pub fn retention_ordered(ts: Expr, conditions: Vec<Expr>) -> Expr {
        super::retention_ordered_udaf().call([vec![ts], conditions].concat())
    }

    /// In which periods one customer was active: `active_periods(period)`.
    pub fn active_periods(period: Expr) -> Expr {
        super::active_periods_udaf().call(vec![period])
    }

    /// In which cells of a retention matrix one customer is: `retention_cells(ts, period)`.
    pub fn retention_cells(ts: Expr, period: Expr) -> Expr {
        super::retention_cells_udaf().call(vec![ts, period])
    }

    /// How many customers are in each cell: `retention_grid(cells)`.
    pub fn retention_grid(cells: Expr) -> Expr {
        super::retention_grid_udaf().call(vec![cells])
    }

    /// What a customer is on a day: `engagement_state(active, day)`; add the window by
    /// `ExprFunctionExt`.
    pub fn engagement_state(active: Expr, day: Expr) -> Expr {
        super::engagement_state_udwf().call(vec![active, day])
    }
}
