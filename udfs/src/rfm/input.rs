//! What the RFM functions take: recency, frequency and monetary value, or a summary instead.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, DurationMicrosecondType, Field, Fields, Float64Type, IntervalMonthDayNanoType,
    IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use std::sync::Arc;

use super::core::{Row, Scores};
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::summary::core::DAY;
use crate::summary::schema;

pub(crate) const RECENCY: Param = required("recency", Ty::Any);
pub(crate) const FREQUENCY: Param = required("frequency", Ty::Float);
pub(crate) const MONETARY: Param = required("monetary", Ty::Float);
pub(crate) const SUMMARY: Param = required("summary", Ty::Any);
pub(crate) const BINS: Param = option("bins", Ty::Int, Fill::Int(5));
pub(crate) const METHOD: Param = option("method", Ty::Text, Fill::Text("quantile"));

/// The two ways to call a function: its parameters with the three, and with a summary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shapes {
    pub name: &'static str,
    pub three: &'static [Param],
    pub summary: &'static [Param],
    /// position of `recency` and of `summary`
    pub at: usize,
}

impl Shapes {
    /// The parameters that arguments of these types stand for.
    ///
    /// A summary may be followed by its options, or (as named arguments are filled in) by NULLs in
    /// place of frequency and monetary.
    pub(crate) fn of(&self, types: &[DataType]) -> &'static [Param] {
        let gap = |i: usize| matches!(types.get(i), Some(DataType::Null | DataType::Float64));
        let padded = types.len() > self.at + 3 && gap(self.at + 1) && gap(self.at + 2);
        match types.get(self.at) {
            Some(DataType::Struct(_)) if !padded => self.summary,
            _ => self.three,
        }
    }

    /// The types that arguments are cast to.
    pub(crate) fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut out = args::coerce(self.name, self.of(types), types)?;
        if let Some(first) = out.get_mut(self.at) {
            *first = self.coerce_first(first)?;
        }
        Ok(out)
    }

    fn coerce_first(&self, ty: &DataType) -> Result<DataType> {
        match ty {
            DataType::Struct(fields) => {
                let needed = [schema::AS_OF, schema::LAST_TS, schema::PERIODS, schema::REVENUE];
                match needed.iter().find(|n| fields.find(n).is_none()) {
                    Some(field) => plan_err!(
                        "{}: the STRUCT has no field {field}; it must be one of customer_summary",
                        self.name
                    ),
                    None => Ok(ty.clone()),
                }
            }
            DataType::Interval(_) => Ok(DataType::Interval(IntervalUnit::MonthDayNano)),
            DataType::Duration(_) => Ok(DataType::Duration(TimeUnit::Microsecond)),
            t if t.is_numeric() || t.is_null() => Ok(DataType::Float64),
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => plan_err!(
                "{}: recency must be a length of time, not a time; use recency(ts) or a number of days",
                self.name
            ),
            other => plan_err!(
                "{}: recency must be an INTERVAL or a number of days, or a summary in place of recency, frequency and monetary; got {other}",
                self.name
            ),
        }
    }
}

/// The rows of the arguments from `recency` or `summary` on, NULL, NaN and infinite values as NaN.
pub(crate) fn rows(function: &str, values: &[ArrayRef]) -> Result<Vec<Row>> {
    let Some(first) = values.first() else { return internal_err!("{function} needs recency") };
    let [r, f, m] = match (first.data_type(), values) {
        (DataType::Struct(_), _) => from_summary(function, first.as_struct())?,
        (_, [r, f, m, ..]) => [days(r)?, numbers(f)?, numbers(m)?],
        _ => return internal_err!("{function} needs recency, frequency and monetary"),
    };
    Ok(r.into_iter().zip(f).zip(m).map(|((r, f), m)| [r, f, m]).collect())
}

fn numbers(values: &ArrayRef) -> Result<Vec<f64>> {
    let values = cast(values, &DataType::Float64)?;
    Ok(values.as_primitive::<Float64Type>().iter().map(|v| v.map_or(f64::NAN, finite)).collect())
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

/// A recency in days; a month has 30, as in PostgreSQL.
fn days(values: &ArrayRef) -> Result<Vec<f64>> {
    let day = DAY as f64;
    Ok(match values.data_type() {
        DataType::Interval(IntervalUnit::MonthDayNano) => values
            .as_primitive::<IntervalMonthDayNanoType>()
            .iter()
            .map(|v| {
                v.map_or(f64::NAN, |v| {
                    let days = i64::from(v.months) * 30 + i64::from(v.days);
                    days as f64 + v.nanoseconds as f64 / (day * 1_000.0)
                })
            })
            .collect(),
        DataType::Duration(TimeUnit::Microsecond) => values
            .as_primitive::<DurationMicrosecondType>()
            .iter()
            .map(|v| v.map_or(f64::NAN, |v| v as f64 / day))
            .collect(),
        _ => numbers(values)?,
    })
}

/// Days since the last purchase, periods, revenue.
fn from_summary(function: &str, summary: &StructArray) -> Result<[Vec<f64>; 3]> {
    let field = |name: &str| match summary.column_by_name(name) {
        Some(column) => Ok(column),
        None => exec_err!(
            "{function}: the STRUCT has no field {name}; it must be one of customer_summary"
        ),
    };
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    let (as_of, last) =
        (cast(field(schema::AS_OF)?, &time)?, cast(field(schema::LAST_TS)?, &time)?);
    let recency = as_of
        .as_primitive::<TimestampMicrosecondType>()
        .iter()
        .zip(last.as_primitive::<TimestampMicrosecondType>())
        .enumerate()
        .map(|(i, pair)| match pair {
            (Some(as_of), Some(last)) if summary.is_valid(i) => {
                as_of.saturating_sub(last) as f64 / DAY as f64
            }
            _ => f64::NAN,
        })
        .collect();
    Ok([recency, numbers(field(schema::PERIODS)?)?, numbers(field(schema::REVENUE)?)?])
}

/// The fields of a score.
pub(crate) fn score_fields() -> Fields {
    [
        ("r", DataType::Int32),
        ("f", DataType::Int32),
        ("m", DataType::Int32),
        ("score", DataType::Int32),
        ("fm", DataType::Float64),
    ]
    .into_iter()
    .map(|(name, ty)| Field::new(name, ty, true))
    .collect()
}

/// The STRUCTs of scores; `score` only where three digits can say it.
pub(crate) fn score_array(scores: &[Option<Scores>]) -> Result<ArrayRef> {
    let nulls = NullBuffer::from_iter(scores.iter().map(Option::is_some));
    let digit = |i: usize| -> ArrayRef {
        let component = |s: &Option<Scores>| s.and_then(|s| s.get(i).copied());
        Arc::new(scores.iter().map(component).collect::<Int32Array>())
    };
    let score: Int32Array = scores
        .iter()
        .map(|s| s.filter(|s| s.iter().all(|&d| d <= 9)).map(|[r, f, m]| 100 * r + 10 * f + m))
        .collect();
    let fm: Float64Array =
        scores.iter().map(|s| s.map(|[_, f, m]| (f64::from(f) + f64::from(m)) / 2.0)).collect();
    let columns = vec![digit(0), digit(1), digit(2), Arc::new(score), Arc::new(fm)];
    Ok(Arc::new(StructArray::try_new(score_fields(), columns, Some(nulls))?))
}

/// The number of bins of a call.
///
/// # Errors
/// Not a whole number from 2 to 100.
pub(crate) fn bins(function: &str, value: &ScalarValue) -> Result<usize> {
    match value {
        v if v.is_null() => Ok(5),
        ScalarValue::Int64(Some(n @ 2..=100)) => Ok(usize::try_from(*n).unwrap_or(5)),
        other => plan_err!("{function}: bins must be a whole number from 2 to 100, got {other}"),
    }
}
