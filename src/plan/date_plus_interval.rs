//! `DATE '2017-06-01' + INTERVAL '18 hours'`: a date and hours are a point in time.
//!
//! DataFusion leaves the hours out. A date and whole days or months stay a date, as in MySQL; where it
//! is not known before what the interval is, the answer is a point in time.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{Expr, ExprSchemable, cast};

/// Makes such dates points in time.
#[derive(Debug)]
pub(crate) struct DatePlusInterval;

impl ExprPlanner for DatePlusInterval {
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let (date, interval) = match expr.op {
            BinaryOperator::Plus
                if matches!(expr.left, Expr::Literal(..)) && has_hours(&expr.left, schema) =>
            {
                (&mut expr.right, true)
            }
            BinaryOperator::Plus | BinaryOperator::Minus => {
                let hours = has_hours(&expr.right, schema);
                (&mut expr.left, hours)
            }
            _ => return Ok(PlannerResult::Original(expr)),
        };
        if interval && matches!(date.get_type(schema), Ok(DataType::Date32 | DataType::Date64)) {
            *date = cast(date.clone(), DataType::Timestamp(TimeUnit::Microsecond, None));
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// Whether `e` is an interval that may have other parts than days and months.
fn has_hours(e: &Expr, schema: &DFSchema) -> bool {
    match e {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(v), _) => {
            v.is_some_and(|v| v.nanoseconds != 0)
        }
        Expr::Literal(ScalarValue::IntervalDayTime(v), _) => v.is_some_and(|v| v.milliseconds != 0),
        Expr::Literal(..) => false,
        e => matches!(e.get_type(schema), Ok(DataType::Interval(_))),
    }
}
