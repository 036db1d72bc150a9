//! Sessions: runs of events that belong together.

mod core;
mod sessionize;

use std::sync::Arc;

use datafusion::logical_expr::WindowUDF;

pub use sessionize::sessionize_udwf;

/// The window functions of this family.
pub fn window_functions() -> Vec<Arc<WindowUDF>> {
    vec![sessionize_udwf()]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// The number of the session that an event belongs to: `sessionize(ts, gap)`; add the window by
    /// `ExprFunctionExt`.
    pub fn sessionize(ts: Expr, gap: Expr) -> Expr {
        super::sessionize_udwf().call(vec![ts, gap])
    }
}
