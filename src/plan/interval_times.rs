//! `INTERVAL '5 minutes' * n`: intervals times and by numbers, which BI tools write for grains of time.
//!
//! Arrow multiplies no intervals. Here each part is multiplied, and what is left of a month becomes
//! days of which it has thirty, what is left of a day microseconds, as in PostgreSQL.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, AsArray, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::{DFSchema, Result, exec_err, internal_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, binary_expr, cast, lit,
};

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
const DAYS_OF_MONTH: f64 = 30.0;
const MICROS_OF_DAY: f64 = 86_400e6;

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(IntervalTimes::default())));

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
        let number = cast(number.clone(), DataType::Float64);
        let times = if divides { binary_expr(lit(1.0), Operator::Divide, number) } else { number };
        let arguments = vec![cast(interval.clone(), INTERVAL), times];
        Ok(PlannerResult::Planned(UDF.call(arguments)))
    }
}

/// The function that it becomes.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IntervalTimes {
    signature: Signature,
}

impl Default for IntervalTimes {
    fn default() -> Self {
        let types = vec![INTERVAL, DataType::Float64];
        Self { signature: Signature::exact(types, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for IntervalTimes {
    fn name(&self) -> &'static str {
        "interval_times"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(INTERVAL)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
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
                known.then(|| times(intervals.value(i), numbers.value(i))).transpose()
            })
            .collect::<Result<_>>()?;
        if is_one {
            let one = datafusion::common::ScalarValue::try_from_array(&products, 0)?;
            return Ok(ColumnarValue::Scalar(one));
        }
        Ok(ColumnarValue::Array(Arc::new(products)))
    }
}

fn times(interval: IntervalMonthDayNano, n: f64) -> Result<IntervalMonthDayNano> {
    // a sum of parts that should be whole may miss it by its last digits
    let whole = |x: f64| if (x - x.round()).abs() < 1e-6 { x.round() } else { x };
    let months = whole(f64::from(interval.months) * n);
    let days = whole(f64::from(interval.days) * n + months.fract() * DAYS_OF_MONTH);
    #[expect(clippy::cast_precision_loss, reason = "beyond 104 days the last digits are lost")]
    let clock = interval.nanoseconds as f64 / 1e3 * n;
    let micros = (clock + days.fract() * MICROS_OF_DAY).round();
    let fits = |x: f64, most: f64| x.is_finite() && x.abs() <= most;
    if !fits(months, i32::MAX.into()) || !fits(days, i32::MAX.into()) || !fits(micros, 9e15) {
        return exec_err!("an interval times {n:?} is out of range");
    }
    #[expect(clippy::cast_possible_truncation, reason = "what does not fit was refused")]
    let (months, days, micros) = (months as i32, days as i32, micros as i64);
    Ok(IntervalMonthDayNano::new(months, days, micros * 1000))
}
