//! The answer of the aggregates of this family: a list of booleans, one for each condition.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use crate::lists::item;

/// The type of the answer.
pub(super) fn list_type() -> DataType {
    DataType::List(item(&DataType::Boolean))
}

/// The bytes of one answer.
pub(super) const fn answer_size(conditions: usize) -> usize {
    size_of::<i32>() + conditions / 8 + 1
}

/// Lists of `conditions` booleans, from their bits.
pub(super) fn lists(
    answers: impl ExactSizeIterator<Item = u64>,
    conditions: usize,
) -> Result<ArrayRef> {
    let groups = answers.len();
    let mut bits = BooleanBufferBuilder::new(groups * conditions);
    for answer in answers {
        for i in 0..conditions {
            bits.append((answer >> i) & 1 != 0);
        }
    }
    let offsets = OffsetBuffer::from_repeated_length(conditions, groups);
    let values = Arc::new(BooleanArray::new(bits.finish(), None));
    Ok(Arc::new(ListArray::try_new(item(&DataType::Boolean), offsets, values, None)?))
}
