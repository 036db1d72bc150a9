//! Time as Tenure sees it: the wall clock of the session's time zone, and its calendar.

mod calendar;
mod core;
pub(crate) mod local_time;
mod period_start;
mod periods_between;
mod timezone;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use local_time::local_time_udf;
pub use period_start::period_start_udf;
pub use periods_between::periods_between_udf;
pub use timezone::timezone_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![local_time_udf(), period_start_udf(), periods_between_udf(), timezone_udf()]
}

/// The calls of this family for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// The wall-clock time of an instant in a time zone: `local_time(ts, timezone)`.
    pub fn local_time(ts: Expr, timezone: Expr) -> Expr {
        super::local_time_udf().call(vec![ts, timezone])
    }

    /// When the period began that a time lies in: `period_start(ts, unit)`.
    pub fn period_start(ts: Expr, unit: Expr) -> Expr {
        super::period_start_udf().call(vec![ts, unit])
    }

    /// How many periods lie between two times: `periods_between(a, b, unit)`.
    pub fn periods_between(a: Expr, b: Expr, unit: Expr) -> Expr {
        super::periods_between_udf().call(vec![a, b, unit])
    }

    /// What `ts AT TIME ZONE zone` means: `timezone(zone, ts)`.
    pub fn timezone(zone: Expr, ts: Expr) -> Expr {
        super::timezone_udf().call(vec![zone, ts])
    }
}
