//! Funnels: how far customers come through a series of steps.

mod any_funnel;
mod arguments;
mod clickhouse;
mod core;
mod detail;
mod funnel_detail;
mod funnel_entries;
mod matching;
mod modes;
mod spaced;
mod window_funnel;
mod window_funnel_events;

pub use any_funnel::any_funnel_udaf;
pub use funnel_detail::funnel_detail_udaf;
pub use funnel_entries::funnel_entries_udaf;
pub use window_funnel::window_funnel_udaf;
pub use window_funnel_events::window_funnel_events_udaf;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![
        window_funnel_udaf(),
        window_funnel_events_udaf(),
        funnel_detail_udaf(),
        funnel_entries_udaf(),
        any_funnel_udaf(),
    ]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    fn call(window: Expr, ts: Expr, steps: Vec<Expr>) -> Vec<Expr> {
        [vec![window, ts], steps].concat()
    }

    /// How far a customer came: `window_funnel(window, ts, step1, …)`.
    pub fn window_funnel(window: Expr, ts: Expr, steps: Vec<Expr>) -> Expr {
        super::window_funnel_udaf().call(call(window, ts, steps))
    }

    /// When a customer took each step: `window_funnel_events(window, ts, step1, …)`.
    pub fn window_funnel_events(window: Expr, ts: Expr, steps: Vec<Expr>) -> Expr {
        super::window_funnel_events_udaf().call(call(window, ts, steps))
    }

    /// How many steps a customer took in any order: `any_funnel(window, ts, step1, …)`.
    pub fn any_funnel(window: Expr, ts: Expr, steps: Vec<Expr>) -> Expr {
        super::any_funnel_udaf().call(call(window, ts, steps))
    }
}
