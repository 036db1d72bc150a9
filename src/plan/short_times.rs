//! `ts >= '2017-03-01 08:00'`: times to the minute, which people write in filters and Arrow does not
//! read.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType as ArrowType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Statement, Value, visit_expressions_mut,
};
use datafusion::logical_expr::{Expr as Planned, ExprSchemable};

/// Gives such times their seconds where a statement says what they are, and says so of bounds:
/// `BETWEEN` is two comparisons.
pub(crate) fn complete(statement: &mut Statement) {
    let _ = visit_expressions_mut(statement, |expr| {
        match expr {
            Expr::TypedString(typed) if is_time(&typed.data_type) => {
                lengthen(&mut typed.value.value)
            }
            Expr::Cast { expr: inner, data_type, .. } if is_time(data_type) => {
                if let Expr::Value(value) = inner.as_mut() {
                    lengthen(&mut value.value);
                }
            }
            Expr::Between { expr: time, negated, low, high } if is_short(low) || is_short(high) => {
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

fn is_short(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => with_seconds(text).is_some(),
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
        let is_time =
            |expr: &Planned| matches!(expr.get_type(schema), Ok(ArrowType::Timestamp(..)));
        let (left, right) = match (long(&left), long(&right)) {
            (None, Some(long)) if is_time(&left) => (left, long),
            (Some(long), None) if is_time(&right) => (long, right),
            _ => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// A literal to the minute with its seconds.
fn long(expr: &Planned) -> Option<Planned> {
    match expr {
        Planned::Literal(ScalarValue::Utf8(Some(text)), of) => {
            let long = ScalarValue::Utf8(Some(with_seconds(text)?));
            Some(Planned::Literal(long, of.clone()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
