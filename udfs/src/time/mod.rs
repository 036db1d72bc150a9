//! Time as Tenure sees it: the wall clock of the session's time zone.

pub(crate) mod local_time;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use local_time::local_time_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![local_time_udf()]
}

/// The calls of this family for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// The wall-clock time of an instant in a time zone: `local_time(ts, timezone)`.
    pub fn local_time(ts: Expr, timezone: Expr) -> Expr {
        super::local_time_udf().call(vec![ts, timezone])
    }
}
