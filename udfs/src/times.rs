//! Times as arguments and as answers of functions of sequences.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListArray, TimestampMicrosecondArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};

use crate::args::{self, Param, Ty, is_text, required};

const TS: &[Param] = &[required("ts", Ty::Instant)];

/// The type that the time of an event is cast to: an instant. Text is refused, for it may be
/// another argument that is in the wrong place; `usage` is how `function` is called.
pub(crate) fn coerce(function: &str, ty: &DataType, usage: &str) -> Result<DataType> {
    let coerced = args::coerce(function, TS, std::slice::from_ref(ty))
        .ok()
        .and_then(|t| t.into_iter().next());
    match coerced.filter(|_| !is_text(ty)) {
        Some(ty) => Ok(ty),
        None => {
            plan_err!("{function}: ts must be a timestamp or date, got {ty}; it is called {usage}")
        }
    }
}

/// A list of times as `ts` has them.
pub(crate) fn list_type(types: &[DataType]) -> DataType {
    let time = types.iter().find(|t| matches!(t, DataType::Timestamp(_, _)));
    let time = time.cloned().unwrap_or(DataType::Timestamp(TimeUnit::Microsecond, None));
    DataType::List(Arc::new(Field::new_list_field(time, true)))
}

/// Lists of `times`, each of its length, of a type that [`list_type`] gave.
pub(crate) fn lists(times: Vec<i64>, lengths: Vec<usize>, ty: &DataType) -> Result<ArrayRef> {
    let DataType::List(item) = ty else { return internal_err!("{ty} is no list of times") };
    let zone = match item.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let times = TimestampMicrosecondArray::from(times).with_timezone_opt(zone);
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, Arc::new(times), None)?))
}

/// No times, of a type that [`list_type`] gave.
pub(crate) fn empty_list(ty: &DataType) -> Result<ScalarValue> {
    match ty {
        DataType::List(item) => {
            Ok(ScalarValue::List(ScalarValue::new_list_nullable(&[], item.data_type())))
        }
        _ => ScalarValue::try_from(ty),
    }
}
