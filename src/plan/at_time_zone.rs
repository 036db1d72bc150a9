//! `ts AT TIME ZONE 'Europe/London'`: of an instant the time that clocks showed there, of a time without
//! zone the instant at which they did, as PostgreSQL and DuckDB have it. DataFusion's answer to the first
//! is the instant again, so that days and months of it are those of UTC.
//!
//! It becomes `timezone('Europe/London', ts)`, which is how PostgreSQL spells it as a function. `now()`
//! is an instant here, though DataFusion gives it no zone.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    CastKind, DataType, Expr, Statement, TimezoneInfo, visit_expressions_mut,
};

use super::query;

/// Functions that give an instant.
const NOW: [&str; 2] = ["now", "current_timestamp"];

/// Makes every `AT TIME ZONE` of `statement` a call.
pub(crate) fn call(statement: &mut Statement) {
    let _ = visit_expressions_mut(statement, |expr| {
        if let Expr::AtTimeZone { timestamp, time_zone } = expr {
            let timestamp = instant(timestamp.as_ref().clone());
            *expr = query::call("timezone", [time_zone.as_ref().clone(), timestamp]);
        }
        ControlFlow::<()>::Continue(())
    });
}

/// The same with its zone, if it is the time now.
fn instant(expr: Expr) -> Expr {
    match &expr {
        Expr::Nested(inner) => instant(inner.as_ref().clone()),
        Expr::Function(call)
            if NOW.iter().any(|now| call.name.to_string().eq_ignore_ascii_case(now)) =>
        {
            Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(expr),
                data_type: DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
                array: false,
                format: None,
            }
        }
        _ => expr,
    }
}
