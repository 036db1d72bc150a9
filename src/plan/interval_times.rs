//! `INTERVAL '5 minutes' * n`: intervals times and by numbers, which BI tools write for grains of time.
//!
//! DataFusion types no such product. The answer is PostgreSQL's: each part is multiplied, what is left
//! of a month becomes days of which it has thirty, and what is left of days becomes time of the clock,
//! to microseconds.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, AsArray, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{
    DataType, Field, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, cast,
};

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
const DAYS_OF_MONTH: f64 = 30.0;
const SECONDS_OF_DAY: f64 = 86_400.0;

static TIMES: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Scale::udf("interval_times"));
static BY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Scale::udf(BY_NAME));
const BY_NAME: &str = "interval_by";

/// Plans products and quotients of an interval and a number.
#[derive(Debug)]
pub(crate) struct IntervalTimesNumber;

impl ExprPlanner for IntervalTimesNumber {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = &expr;
        if !matches!(op, BinaryOperator::Multiply | BinaryOperator::Divide) {
            return Ok(PlannerResult::Original(expr));
        }
        let divides = *op == BinaryOperator::Divide;
        let (Ok(first), Ok(second)) = (left.get_type(schema), right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let is_interval = |ty: &DataType| matches!(ty, DataType::Interval(_));
        let is_number = |ty: &DataType| ty.is_numeric() || ty.is_null();
        let (interval, number) = match () {
            () if is_interval(&first) && is_number(&second) => (left, right),
            () if is_interval(&second) && is_number(&first) && !divides => (right, left),
            () => return Ok(PlannerResult::Original(expr)),
        };
        let number = match number {
            // a parameter of no other type
            Expr::Placeholder(Placeholder { id, field: None }) => {
                let field = Arc::new(Field::new("", DataType::Float64, true));
                Expr::Placeholder(Placeholder::new_with_field(id.clone(), Some(field)))
            }
            other => cast(other.clone(), DataType::Float64),
        };
        let scale = if divides { &BY } else { &TIMES };
        Ok(PlannerResult::Planned(scale.call(vec![cast(interval.clone(), INTERVAL), number])))
    }
}

/// The functions that they become.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Scale {
    name: &'static str,
    signature: Signature,
}

impl Scale {
    fn udf(name: &'static str) -> Arc<ScalarUDF> {
        let types = vec![INTERVAL, DataType::Float64];
        let signature = Signature::exact(types, Volatility::Immutable);
        Arc::new(ScalarUDF::from(Self { name, signature }))
    }
}

impl ScalarUDFImpl for Scale {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(INTERVAL)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let divides = self.name == BY_NAME;
        let is_one = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [intervals, numbers] = arrays.as_slice() else {
            return internal_err!("an interval and a number");
        };
        let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
        let numbers = numbers.as_primitive::<Float64Type>();
        let products: IntervalMonthDayNanoArray = (0..intervals.len())
            .map(|i| {
                let known = intervals.is_valid(i) && numbers.is_valid(i);
                known.then(|| scaled(intervals.value(i), numbers.value(i), divides)).transpose()
            })
            .collect::<Result<_>>()?;
        if is_one {
            let one = ScalarValue::try_from_array(&products, 0)?;
            return Ok(ColumnarValue::Scalar(one));
        }
        Ok(ColumnarValue::Array(Arc::new(products)))
    }
}

fn scaled(interval: IntervalMonthDayNano, n: f64, divides: bool) -> Result<IntervalMonthDayNano> {
    if divides && n == 0.0 {
        return Err(ArrowError::DivideByZero.into());
    }
    let scale = |part: f64| if divides { part / n } else { part * n };
    let to_micros = |x: f64| (x * 1e6).round_ties_even() / 1e6;
    let months = scale(interval.months.into());
    let days = scale(interval.days.into());
    // of a month, in days
    let left = to_micros(months.fract() * DAYS_OF_MONTH);
    let clock = to_micros((days.fract() + left.fract()) * SECONDS_OF_DAY);
    let whole_days = days.trunc() + left.trunc() + (clock / SECONDS_OF_DAY).trunc();
    #[expect(clippy::cast_precision_loss, reason = "beyond 104 days the last digits are lost")]
    let micros = scale(interval.nanoseconds as f64 / 1e3) + clock % SECONDS_OF_DAY * 1e6;
    let fits = |x: f64, most: f64| x.is_finite() && x.abs() <= most;
    let most = i32::MAX.into();
    if !fits(months, most) || !fits(whole_days, most) || !fits(micros, 9e15) {
        let by = if divides { "by" } else { "times" };
        return exec_err!("an interval {by} {n:?} is out of range");
    }
    #[expect(clippy::cast_possible_truncation, reason = "what does not fit was refused")]
    let (months, days, micros) =
        (months as i32, whole_days as i32, micros.round_ties_even() as i64);
    Ok(IntervalMonthDayNano::new(months, days, micros * 1000))
}
