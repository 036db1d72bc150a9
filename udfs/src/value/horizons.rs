//! How far to look ahead: numbers in the model's unit, or INTERVALs.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, StringArray};
use datafusion::arrow::datatypes::{Float64Type, IntervalMonthDayNanoType};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;

use super::models::Any;
use crate::args;

/// The intervals of texts; what a column holds is not repeated in an error.
fn read_intervals(function: &str, texts: &StringArray, shown: bool) -> Result<ArrayRef> {
    let read = |text| match args::interval(function, "horizon", text) {
        Err(_) if !shown => {
            exec_err!("{function}: horizon holds a text that is no INTERVAL such as '7 days'")
        }
        read => read,
    };
    let intervals = texts.iter().map(|text| text.map(read).transpose());
    Ok(Arc::new(intervals.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

/// How far to look ahead, one for all rows or one a row.
#[derive(Debug)]
pub(crate) struct Horizons {
    function: &'static str,
    array: Option<ArrayRef>,
    one: bool,
}

impl Horizons {
    /// The horizons of an argument; none where it is left out.
    pub(crate) fn of(function: &'static str, value: Option<&ColumnarValue>) -> Result<Self> {
        let (array, one) = match value {
            None => (None, true),
            Some(ColumnarValue::Array(array)) => (Some(Arc::clone(array)), false),
            Some(ColumnarValue::Scalar(scalar)) => (Some(scalar.to_array_of_size(1)?), true),
        };
        let array = array.map(|array| match array.as_string_opt::<i32>() {
            Some(texts) => read_intervals(function, texts, one),
            None => Ok(array),
        });
        Ok(Self { function, array: array.transpose()?, one })
    }

    /// The horizon of a row in units of `unit_days` days; `None` if it is NULL.
    pub(crate) fn get(&self, i: usize, (model, unit_days): (&Any, f64)) -> Result<Option<f64>> {
        let i = if self.one { 0 } else { i };
        let Some(array) = self.array.as_ref().filter(|a| i < a.len() && a.is_valid(i)) else {
            return Ok(None);
        };
        let function = self.function;
        let horizon = if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
            numbers.value(i)
        } else if let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() {
            let v = intervals.value(i);
            if model.counts() {
                return exec_err!(
                    "{function}: this model counts periods, which have no length; give the horizon as their number"
                );
            }
            if v.months != 0 {
                return exec_err!(
                    "{function}: horizon must have one fixed length, and months and years do not; use days, such as INTERVAL '90 days'"
                );
            }
            (f64::from(v.days) + of_day(v.nanoseconds)) / unit_days
        } else {
            return Ok(None);
        };
        if horizon >= 0.0 && horizon.is_finite() {
            Ok(Some(horizon))
        } else {
            exec_err!(
                "{function}: horizon must be a length of time from now on, got {horizon} units of {unit_days} days"
            )
        }
    }

    /// The horizon of a row in years, if it is an INTERVAL: a month is a twelfth of one, a day the
    /// 365.25th part. `None` if it is NULL.
    pub(crate) fn years(&self, i: usize) -> Result<Option<f64>> {
        let i = if self.one { 0 } else { i };
        let function = self.function;
        let Some(array) = self.array.as_ref().filter(|a| i < a.len() && a.is_valid(i)) else {
            return Ok(None);
        };
        let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() else {
            return exec_err!(
                "{function}: horizon must be an INTERVAL such as INTERVAL '12 months', since a number does not say its unit"
            );
        };
        let v = intervals.value(i);
        let days = f64::from(v.days) + of_day(v.nanoseconds);
        let years = f64::from(v.months) / 12.0 + days / DAYS_A_YEAR;
        if years >= 0.0 {
            Ok(Some(years))
        } else {
            exec_err!("{function}: horizon must be a length of time from now on, got {years} years")
        }
    }
}

/// Days of a mean year.
pub(crate) const DAYS_A_YEAR: f64 = 365.25;

#[expect(clippy::cast_precision_loss, reason = "parts of a day, far below the model's precision")]
fn of_day(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 86_400e9
}
