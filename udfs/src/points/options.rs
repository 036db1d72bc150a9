//! Constant options of this family, and the buckets of time.

use std::sync::Arc;

use datafusion::common::{Result, ScalarValue, plan_err};

use super::pelt::Penalty;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// The choice that a text names.
pub(super) fn text<T: Copy>(
    function: &str,
    name: &str,
    given: &ScalarValue,
    accepted: &[(&str, T)],
) -> Result<T> {
    let given = given.try_as_str().flatten().unwrap_or_default();
    match accepted.iter().find(|(n, _)| *n == given) {
        Some((_, choice)) => Ok(*choice),
        None => {
            let names: Vec<&str> = accepted.iter().map(|(n, _)| *n).collect();
            plan_err!("{function}: {name} must be '{}', got {given:?}", names.join("' or '"))
        }
    }
}

/// 'bic' or a number.
pub(super) fn penalty(function: &str, given: &ScalarValue) -> Result<Penalty> {
    if given.is_null() || given.try_as_str().flatten() == Some("bic") {
        return Ok(Penalty::Bic);
    }
    let number = if given.data_type().is_numeric() { number(given) } else { None };
    match number.filter(|p| p.is_finite() && *p >= 0.0) {
        Some(p) => Ok(Penalty::Fixed(p)),
        None => plan_err!(
            "{function}: penalty must be 'bic' or a number that is not negative, got {given}"
        ),
    }
}

/// A number of any type as DOUBLE.
fn number(given: &ScalarValue) -> Option<f64> {
    match given.cast_to(&datafusion::arrow::datatypes::DataType::Float64) {
        Ok(ScalarValue::Float64(v)) => v,
        _ => None,
    }
}

/// A count of at least 1.
pub(super) fn size(
    function: &str,
    name: &str,
    given: &ScalarValue,
    default: usize,
) -> Result<usize> {
    match given {
        ScalarValue::Int64(None) | ScalarValue::Null => Ok(default),
        ScalarValue::Int64(Some(n)) if *n >= 1 => Ok(usize::try_from(*n).unwrap_or(usize::MAX / 4)),
        _ => plan_err!("{function}: {name} must be at least 1, got {given}"),
    }
}

/// Where the bucket of the first event begins: at midnight if buckets are whole days.
pub(crate) fn bucket_start(first: i64, unit: i64) -> i64 {
    let step = if unit % DAY == 0 { DAY } else { unit };
    first.saturating_sub(first.rem_euclid(step))
}

/// One whole number or a list of them, each at least 3.
pub(super) fn numbers(
    function: &str,
    name: &str,
    given: &ScalarValue,
    default: &[i64],
) -> Result<Vec<i64>> {
    use datafusion::arrow::array::{Array, AsArray};
    use datafusion::arrow::compute::cast;
    use datafusion::arrow::datatypes::{DataType, Int64Type};

    if given.is_null() {
        return Ok(default.to_vec());
    }
    let numbers = match given {
        ScalarValue::List(list) => Some(Arc::clone(list.values())),
        one if one.data_type().is_integer() => Some(one.to_array_of_size(1)?),
        _ => None,
    };
    // a list of texts is no list of numbers, though it could be cast
    let numbers = numbers.filter(|n| n.data_type().is_integer() && n.null_count() == 0);
    let numbers = numbers.and_then(|n| cast(&n, &DataType::Int64).ok());
    match numbers.map(|n| n.as_primitive::<Int64Type>().values().to_vec()) {
        Some(numbers) if numbers.iter().all(|n| *n >= 3) => Ok(numbers),
        _ => plan_err!(
            "{function}: {name} must be a whole number or a list of them, at least 3, got {given}"
        ),
    }
}
