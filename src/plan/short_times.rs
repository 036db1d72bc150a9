//! Times that people write in filters and Arrow does not read: `ts >= '2017-03-01 08:00'`, to the minute,
//! and `ts < '9999-12-31'`, which nanoseconds do not reach.

use std::ops::ControlFlow;

use chrono::Utc;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType as ArrowType, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Statement, TimezoneInfo, Value, visit_expressions_mut,
};
use datafusion::logical_expr::{Expr as Planned, ExprSchemable};

use super::query;

/// Gives such times their seconds where a statement says what they are, and says so of bounds:
/// `BETWEEN` is two comparisons.
pub(crate) fn complete(statement: &mut Statement) {
    let _ = visit_expressions_mut(statement, |expr| {
        match expr {
            Expr::TypedString(typed) if is_time(&typed.data_type) => {
                lengthen(&mut typed.value.value);
                if let Some(far) = in_microseconds(&typed.value.value, &typed.data_type) {
                    *expr = far;
                }
            }
            Expr::Cast { expr: inner, data_type, .. } if is_time(data_type) => {
                if let Expr::Value(value) = inner.as_mut() {
                    lengthen(&mut value.value);
                    if let Some(far) = in_microseconds(&value.value, data_type) {
                        *expr = far;
                    }
                }
            }
            Expr::Between { expr: time, negated, low, high } if is_odd(low) || is_odd(high) => {
                let compared = |op, bound: &Expr| Expr::BinaryOp {
                    left: time.clone(),
                    op,
                    right: Box::new(bound.clone()),
                };
                let (above, below, both) = if *negated {
                    (BinaryOperator::Lt, BinaryOperator::Gt, BinaryOperator::Or)
                } else {
                    (BinaryOperator::GtEq, BinaryOperator::LtEq, BinaryOperator::And)
                };
                *expr = Expr::Nested(Box::new(Expr::BinaryOp {
                    left: Box::new(compared(above, low)),
                    op: both,
                    right: Box::new(compared(below, high)),
                }));
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
}

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Datetime(_))
}

fn is_odd(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => with_seconds(text).is_some() || is_far(text),
            _ => false,
        },
        _ => false,
    }
}

fn lengthen(value: &mut Value) {
    if let Value::SingleQuotedString(text) = value
        && let Some(long) = with_seconds(text)
    {
        *text = long;
    }
}

/// A far time of a type that reaches it; none for any other.
fn in_microseconds(value: &Value, data_type: &DataType) -> Option<Expr> {
    let Value::SingleQuotedString(text) = value else { return None };
    let unit = match data_type {
        DataType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            "Timestamp(Microsecond, Some(\"UTC\"))"
        }
        _ => "Timestamp(Microsecond, None)",
    };
    is_far(text).then(|| query::call("arrow_cast", [query::text(text), query::text(unit)]))
}

/// Whether a text begins with a year that is not in all parts, or not at all, reached by nanoseconds.
fn is_far(text: &str) -> bool {
    let year = text.trim().split_at_checked(5).and_then(|(year, _)| year.strip_suffix('-'));
    year.filter(|year| year.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|year| year.parse::<u32>().ok())
        .is_some_and(|year| !(1678..2262).contains(&year))
}

/// A date and a time to the minute with its seconds; none for any other text.
fn with_seconds(text: &str) -> Option<String> {
    let text = text.trim();
    let (minutes, zone) = text.split_at_checked("2017-03-01 08:00".len())?;
    let fits = minutes.bytes().zip("dddd-dd-dd dd:dd".bytes()).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        b' ' => byte == b' ' || byte == b'T',
        other => byte == other,
    });
    let fits = fits && (zone.is_empty() || zone.starts_with(['Z', 'z', '+', '-', ' ']));
    fits.then(|| format!("{minutes}:00{zone}"))
}

/// Compares times with such texts.
#[derive(Debug)]
pub(crate) struct ShortTimes;

impl ExprPlanner for ShortTimes {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expr;
        // the type of a long chain is long in the finding: it is asked for where it matters only
        let (left, right) = match (odd(&left), odd(&right)) {
            (false, true) => {
                let read = read(&right, &left, schema);
                (left, read.unwrap_or(right))
            }
            (true, false) => {
                let read = read(&left, &right, schema);
                (read.unwrap_or(left), right)
            }
            _ => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// Whether an expression is a text that Arrow does not read as a time.
fn odd(expr: &Planned) -> bool {
    match expr {
        Planned::Literal(ScalarValue::Utf8(Some(text)), _) => {
            with_seconds(text).is_some() || is_far(text)
        }
        _ => false,
    }
}

/// Such a text as what it is beside a time; none beside anything else.
fn read(literal: &Planned, beside: &Planned, schema: &DFSchema) -> Option<Planned> {
    let Planned::Literal(ScalarValue::Utf8(Some(text)), of) = literal else { return None };
    let Ok(ArrowType::Timestamp(unit, zone)) = beside.get_type(schema) else { return None };
    let text = with_seconds(text).unwrap_or_else(|| text.clone());
    let value = if is_far(&text) && unit != TimeUnit::Nanosecond {
        let time = string_to_datetime(&Utc, &text).ok()?;
        ScalarValue::TimestampMicrosecond(Some(time.timestamp_micros()), zone)
    } else {
        ScalarValue::Utf8(Some(text))
    };
    Some(Planned::Literal(value, of.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_that_nanoseconds_do_not_hold_are_far() {
        for text in ["9999-12-31", "0001-01-01", "1677-12-31 00:00:00", "2262-01-01T00:00:00Z"] {
            assert!(is_far(text), "{text}");
        }
        for text in
            ["2017-03-01", "1678-01-01", "2261-12-31", "9999", "x999-12-31", "12-31-9999", ""]
        {
            assert!(!is_far(text), "{text}");
        }
    }

    #[test]
    fn only_times_to_the_minute_get_seconds() {
        for (text, long) in [
            ("2017-03-01 08:00", "2017-03-01 08:00:00"),
            ("2017-03-01T08:00Z", "2017-03-01T08:00:00Z"),
            ("2017-03-01 08:00+02:00", "2017-03-01 08:00:00+02:00"),
            ("2017-03-01 08:00 Europe/London", "2017-03-01 08:00:00 Europe/London"),
        ] {
            assert_eq!(with_seconds(text).as_deref(), Some(long));
        }
        for text in
            ["2017-03-01", "2017-03-01 08:00:00", "2017-03-01 08", "in March 2017 at 08", "é"]
        {
            assert_eq!(with_seconds(text), None, "{text}");
        }
    }
}
