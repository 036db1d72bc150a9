//! Lengths of time as arguments: a number in whatever unit, or an INTERVAL, which is told in days.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, DurationMicrosecondType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, TimeUnit,
};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;

use crate::args;
use crate::summary::core::DAY;

/// The type that a length of time is cast to.
///
/// # Errors
/// A type that is none.
pub(crate) fn coerce(function: &str, name: &str, ty: &DataType) -> Result<DataType> {
    match ty {
        DataType::Interval(_) => Ok(DataType::Interval(IntervalUnit::MonthDayNano)),
        DataType::Duration(_) => Ok(DataType::Duration(TimeUnit::Microsecond)),
        text if args::is_text(text) => Ok(DataType::Utf8),
        number if number.is_numeric() || number.is_null() => Ok(DataType::Float64),
        other => plan_err!(
            "{function}: {name} must be a number, or an INTERVAL (which is told in days), got {other}"
        ),
    }
}

/// Days of the unit in which a fit tells the durations that are its first argument; `None`: they are
/// numbers, of whatever unit.
pub(crate) fn unit_days(args: &AccumulatorArgs) -> Option<f64> {
    let duration = args.expr_fields.first()?.data_type();
    (!duration.is_numeric() && !duration.is_null()).then_some(1.0)
}

/// The lengths of a column that [`coerce`] gave; a month has 30 days, as in PostgreSQL.
///
/// # Errors
/// A text that is no interval.
pub(crate) fn days(function: &str, name: &str, values: &ArrayRef) -> Result<Float64Array> {
    let of = |v: IntervalMonthDayNano| {
        let days = i64::from(v.months) * 30 + i64::from(v.days);
        days as f64 + v.nanoseconds as f64 / (DAY as f64 * 1_000.0)
    };
    Ok(match values.data_type() {
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            values.as_primitive::<IntervalMonthDayNanoType>().unary(of)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            values.as_primitive::<DurationMicrosecondType>().unary(|v| v as f64 / DAY as f64)
        }
        DataType::Utf8 => values
            .as_string::<i32>()
            .iter()
            .map(|text| text.map(|t| args::interval(function, name, t).map(of)).transpose())
            .collect::<Result<_>>()?,
        _ => cast(values, &DataType::Float64)?.as_primitive::<Float64Type>().clone(),
    })
}
