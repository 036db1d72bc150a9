//! `ts - previous > INTERVAL '1 day'`: intervals are compared by how long they are.
//!
//! DataFusion compares their months, then their days, then the rest, and all that lies between two
//! times is rest: no number of hours is more than a day to it. The order is PostgreSQL's: a month has
//! thirty days, and a day 24 hours.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, IntervalDayTimeType, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType, TimeUnit,
};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::{Between, Cast};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use super::expressions::rewrite;

/// Nanoseconds, of which no length has too many.
const LENGTH: DataType = DataType::Decimal128(38, 0);
const DAY: i128 = 86_400_000_000_000;
const DAYS_OF_MONTH: i128 = 30;

static LENGTH_OF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::any(1, Volatility::Immutable);
    Arc::new(ScalarUDF::from(IntervalLength { signature }))
});

/// Compares the lengths of intervals where intervals are compared.
#[derive(Debug, Default)]
pub(crate) struct IntervalOrder;

impl AnalyzerRule for IntervalOrder {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan, compares, by_length)
    }

    fn name(&self) -> &'static str {
        "interval_order"
    }
}

fn compares(e: &Expr) -> bool {
    match e {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => is_comparison(*op),
        e => matches!(e, Expr::Between(_)),
    }
}

fn is_comparison(op: Operator) -> bool {
    use Operator as Op;
    matches!(op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq)
        || matches!(op, Op::IsDistinctFrom | Op::IsNotDistinctFrom)
}

fn by_length(e: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let interval = |e: &Expr| e.get_type(schema).map(|ty| matches!(ty, DataType::Interval(_)));
    match e {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if is_comparison(op) && interval(&left)? && interval(&right)? =>
        {
            let (left, right) =
                (Box::new(length(*left, schema)?), Box::new(length(*right, schema)?));
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
        }
        Expr::Between(Between { expr, negated, low, high }) if interval(&expr)? => {
            let [expr, low, high] = [expr, low, high].map(|e| length(*e, schema));
            let (expr, low, high) = (Box::new(expr?), Box::new(low?), Box::new(high?));
            Ok(Transformed::yes(Expr::Between(Between { expr, negated, low, high })))
        }
        e => Ok(Transformed::no(e)),
    }
}

/// How long an interval is. What lies between two times has been made one to be compared.
fn length(e: Expr, schema: &DFSchema) -> Result<Expr> {
    let e = match e {
        Expr::Cast(Cast { expr, field }) => match expr.get_type(schema)? {
            DataType::Duration(_) => *expr,
            _ => Expr::Cast(Cast { expr, field }),
        },
        e => e,
    };
    Ok(LENGTH_OF.call(vec![e]))
}

/// The function that is compared.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IntervalLength {
    signature: Signature,
}

impl ScalarUDFImpl for IntervalLength {
    fn name(&self) -> &'static str {
        "interval_length"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(LENGTH)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [of] = arrays.as_slice() else { return internal_err!("a length is of one interval") };
        let months = |n: i32| i128::from(n) * DAYS_OF_MONTH * DAY;
        let days = |n: i32| i128::from(n) * DAY;
        let lengths: Decimal128Array = match of.data_type() {
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let of = of.as_primitive::<IntervalMonthDayNanoType>();
                of.unary(|v| months(v.months) + days(v.days) + i128::from(v.nanoseconds))
            }
            DataType::Interval(IntervalUnit::DayTime) => {
                let of = of.as_primitive::<IntervalDayTimeType>();
                of.unary(|v| days(v.days) + i128::from(v.milliseconds) * 1_000_000)
            }
            DataType::Interval(IntervalUnit::YearMonth) => {
                of.as_primitive::<IntervalYearMonthType>().unary(months)
            }
            DataType::Duration(TimeUnit::Second) => {
                of.as_primitive::<DurationSecondType>().unary(|n| i128::from(n) * 1_000_000_000)
            }
            DataType::Duration(TimeUnit::Millisecond) => {
                of.as_primitive::<DurationMillisecondType>().unary(|n| i128::from(n) * 1_000_000)
            }
            DataType::Duration(TimeUnit::Microsecond) => {
                of.as_primitive::<DurationMicrosecondType>().unary(|n| i128::from(n) * 1_000)
            }
            DataType::Duration(TimeUnit::Nanosecond) => {
                of.as_primitive::<DurationNanosecondType>().unary(i128::from)
            }
            // NULL of no type
            _ => cast(of, &LENGTH)?.as_primitive::<Decimal128Type>().clone(),
        };
        let lengths: ArrayRef = Arc::new(lengths.with_data_type(LENGTH));
        Ok(if is_one {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&lengths, 0)?)
        } else {
            ColumnarValue::Array(lengths)
        })
    }
}
