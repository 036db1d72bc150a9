//! Python's values as values for a statement's placeholders.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use tenure::datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, TimeUnit};
use tenure::datafusion::common::ScalarValue;
use tenure::{Error, ErrorKind, Params};

use crate::errors::raised;

/// A dict gives values by name, a list or tuple by position.
pub(crate) fn params(given: Option<&Bound<'_, PyAny>>) -> PyResult<Params> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(Params::new()) };
    if let Ok(by_name) = given.cast::<PyDict>() {
        let values = by_name.iter().map(|(name, of)| {
            let name: String = name.extract()?;
            Ok((name.trim_start_matches('$').to_string(), value(&of)?))
        });
        return values.collect();
    }
    if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        let values = given.try_iter()?.map(|of| value(&of?)).collect::<PyResult<Vec<_>>>()?;
        return Ok(Params::positional(values));
    }
    Err(PyTypeError::new_err("parameters are a dict for $name, or a list or tuple for $1"))
}

fn value(of: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    if of.is_none() {
        return Ok(ScalarValue::Null);
    }
    if let Ok(switch) = of.cast::<PyBool>() {
        return Ok(ScalarValue::from(switch.is_true()));
    }
    if of.is_instance_of::<PyInt>() {
        return whole(of);
    }
    if of.is_instance_of::<PyFloat>() {
        return Ok(ScalarValue::Float64(Some(of.extract()?)));
    }
    if let Ok(text) = of.cast::<PyString>() {
        return Ok(ScalarValue::Utf8(Some(text.to_cow()?.into_owned())));
    }
    if let Ok(bytes) = of.cast::<PyBytes>() {
        return Ok(ScalarValue::Binary(Some(bytes.as_bytes().to_vec())));
    }
    if of.is_instance_of::<PyList>() || of.is_instance_of::<PyTuple>() {
        return list(of);
    }
    if of.hasattr("isoformat")? {
        return time(of);
    }
    if of.hasattr("total_seconds")? {
        return span(of);
    }
    if of.get_type().name()? == "Decimal" {
        return decimal(of);
    }
    if of.hasattr("item")? {
        // a scalar of NumPy
        return value(&of.call_method0("item")?);
    }
    Err(PyTypeError::new_err(format!(
        "a value of the type {} cannot be a parameter; give bool, int, float, Decimal, str, bytes, \
         date, time, datetime, timedelta, None or a list of these",
        of.get_type().name()?
    )))
}

fn whole(of: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    match of.extract::<i64>() {
        Ok(number) => Ok(ScalarValue::Int64(Some(number))),
        Err(_) => Ok(ScalarValue::UInt64(Some(of.extract()?))),
    }
}

fn list(of: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    let values = of.try_iter()?.map(|of| value(&of?)).collect::<PyResult<Vec<_>>>()?;
    let known = values.iter().find(|value| !value.is_null());
    let data_type = known.map_or(DataType::Null, ScalarValue::data_type);
    if let Some(other) = values.iter().find(|v| !v.is_null() && v.data_type() != data_type) {
        return Err(PyTypeError::new_err(format!(
            "a list holds values of one type, not {data_type} and {}",
            other.data_type()
        )));
    }
    let cast = values.into_iter().map(|value| value.cast_to(&data_type));
    let values = cast.collect::<Result<Vec<_>, _>>().map_err(|e| raised(of.py(), &e.into()))?;
    Ok(ScalarValue::List(ScalarValue::new_list_nullable(&values, &data_type)))
}

/// Dates, times and points in time, of Python and of pandas.
fn time(of: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    let (day, clock) = (of.hasattr("year")?, of.hasattr("hour")?);
    let data_type = match (day, clock) {
        (true, false) => DataType::Date32,
        (false, _) => DataType::Time64(TimeUnit::Microsecond),
        (true, true) => {
            let zoned = !of.getattr("tzinfo")?.is_none();
            let unit = if of.hasattr("nanosecond")? && of.getattr("nanosecond")?.is_truthy()? {
                TimeUnit::Nanosecond
            } else {
                TimeUnit::Microsecond
            };
            DataType::Timestamp(unit, zoned.then(|| "UTC".into()))
        }
    };
    read(of, of.call_method0("isoformat")?.extract()?, &data_type)
}

fn span(of: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    let (days, seconds, micros): (i32, i64, i64) = (
        of.getattr("days")?.extract()?,
        of.getattr("seconds")?.extract()?,
        of.getattr("microseconds")?.extract()?,
    );
    // a day at most, which is far from the largest number
    let nanos = (seconds * 1_000_000 + micros) * 1000;
    Ok(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, days, nanos))))
}

fn decimal(of: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    let text: String = of.call_method1("__format__", ("f",))?.extract()?;
    let scale = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    let digits = text.chars().filter(char::is_ascii_digit).count().max(1);
    let (Ok(precision), Ok(scale)) = (u8::try_from(digits), i8::try_from(scale)) else {
        return Err(PyTypeError::new_err("a Decimal has at most 76 digits"));
    };
    let data_type = match precision {
        0..=38 => DataType::Decimal128(precision, scale),
        39..=76 => DataType::Decimal256(precision, scale),
        _ => return Err(PyTypeError::new_err("a Decimal has at most 76 digits")),
    };
    read(of, text, &data_type)
}

fn read(of: &Bound<'_, PyAny>, text: String, data_type: &DataType) -> PyResult<ScalarValue> {
    ScalarValue::try_from_string(text, data_type).map_err(|_| {
        let message = format!("a value cannot be read as {data_type}");
        raised(of.py(), &Error::new(ErrorKind::Invalid, message))
    })
}
