//! The arguments that the fits of this family share.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, internal_err};

use super::observed;
use crate::args::{Fill, Param, Ty, option, required};
use crate::fitting::durations;

pub(crate) const DURATION: Param = required("duration", Ty::Any);
pub(crate) const EVENT: Param = required("event", Ty::Bool);
pub(crate) const WEIGHT: Param = option("weight", Ty::Float, Fill::Null);

/// Durations and events, the first two arguments, as one column (`observed.rs`; NaN where the
/// duration cannot be), and the weights after it.
pub(crate) fn observations(
    function: &str,
    values: &[ArrayRef],
    weight: Option<usize>,
) -> Result<Vec<Float64Array>> {
    let [durations, events, ..] = values else {
        return internal_err!("{function} needs durations and events");
    };
    let durations = durations::days(function, DURATION.name, durations)?;
    let events = cast(events, &DataType::Boolean)?;
    let events = events.as_boolean();
    let nulls = NullBuffer::union(durations.nulls(), events.nulls());
    let signed = durations.values().iter().zip(events.values()).map(|(&duration, event)| {
        if duration >= 0.0 { observed::signed(duration, event) } else { f64::NAN }
    });
    let mut columns = vec![Float64Array::new(signed.collect(), nulls)];
    if let Some(weights) = weight.and_then(|i| values.get(i)) {
        columns.push(cast(weights, &DataType::Float64)?.as_primitive::<Float64Type>().clone());
    }
    Ok(columns)
}
