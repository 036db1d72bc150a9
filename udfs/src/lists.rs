//! Lists as arrays: those that a state travels in, those of answers, and those that are read again.
//!
//! Between partitions what a group holds travels as lists, one row a group, whose values are flat
//! arrays ([`Lists`]); a row that skips partial aggregation may become a list of one, over the arrays
//! that it came in ([`lists_of_one`]). What one aggregate has put into lists another may count
//! ([`runs`]).

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::{and, filter, is_not_null};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};

/// Offsets of lists, one list a group: those of a state, or of answers.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    offsets: Vec<i32>,
}

impl Lists {
    /// Room for the lists of `groups` groups.
    pub(crate) fn with_capacity(groups: usize) -> Self {
        let mut offsets = Vec::with_capacity(groups + 1);
        offsets.push(0);
        Self { offsets }
    }

    /// The next list ends where `values` values have been written.
    ///
    /// # Errors
    /// More values than a list array can number.
    pub(crate) fn end_at(&mut self, values: usize) -> Result<()> {
        let Ok(end) = i32::try_from(values) else {
            return exec_err!(
                "the lists of one partition hold more than {} values; use more partitions (datafusion.execution.target_partitions)",
                i32::MAX
            );
        };
        self.offsets.push(end);
        Ok(())
    }

    /// One column of lists; those of a state share the offsets.
    pub(crate) fn column(offsets: &OffsetBuffer<i32>, values: ArrayRef) -> Result<ArrayRef> {
        Ok(Arc::new(ListArray::try_new(item(values.data_type()), offsets.clone(), values, None)?))
    }

    /// The offsets for [`Self::column`].
    pub(crate) fn finish(self) -> OffsetBuffer<i32> {
        // they start at 0 and never fall: end_at() is called with a growing count
        OffsetBuffer::new(ScalarBuffer::from(self.offsets))
    }
}

/// The item of a list.
pub(crate) fn item(ty: &DataType) -> FieldRef {
    Arc::new(Field::new_list_field(ty.clone(), true))
}

/// A field of the state that is a list of `ty`.
pub(crate) fn list_field(name: String, ty: &DataType) -> FieldRef {
    Arc::new(Field::new(name, DataType::List(item(ty)), true))
}

/// The state of every row by itself: lists of one value over the very arrays of `columns`, or
/// empty lists for rows that `filter` does not take or whose first column is NULL.
pub(crate) fn lists_of_one(
    columns: &[ArrayRef],
    opt_filter: Option<&BooleanArray>,
) -> Result<Vec<ArrayRef>> {
    let Some(first) = columns.first() else { return Ok(vec![]) };
    let valid = (first.null_count() > 0).then(|| is_not_null(first)).transpose()?;
    let keep = match (valid, opt_filter) {
        (Some(v), Some(f)) => Some(and(&v, &no_nulls(f))?),
        (Some(v), None) => Some(v),
        (None, Some(f)) => Some(no_nulls(f)),
        (None, None) => None,
    };
    let n = first.len();
    let mut lists = Lists::with_capacity(n);
    let mut end = 0;
    for row in 0..n {
        end += usize::from(keep.as_ref().is_none_or(|k| k.value(row)));
        lists.end_at(end)?;
    }
    let offsets = lists.finish();
    columns
        .iter()
        .map(|c| {
            let values = match &keep {
                Some(k) => filter(c, k)?,
                None => Arc::clone(c),
            };
            Lists::column(&offsets, values)
        })
        .collect()
}

/// NULL is false.
fn no_nulls(filter: &BooleanArray) -> BooleanArray {
    match filter.nulls() {
        Some(nulls) => BooleanArray::new(filter.values() & nulls.inner(), None),
        None => filter.clone(),
    }
}

/// The rows of a list column of states: group, and where its values lie.
pub(crate) fn list_rows<'a>(
    column: &'a ArrayRef,
    groups: &'a [usize],
) -> impl Iterator<Item = (usize, Range<usize>)> + 'a {
    let list = column.as_list::<i32>();
    list.value_offsets().windows(2).zip(groups).enumerate().filter_map(|(row, (ends, &group))| {
        let [from, to] = ends else { return None };
        let range = usize::try_from(*from).ok()?..usize::try_from(*to).ok()?;
        (list.is_valid(row) && !range.is_empty()).then_some((group, range))
    })
}

/// One list with these elements.
pub(crate) fn one_list(values: ArrayRef) -> Result<ScalarValue> {
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let list = ListArray::try_new(item(values.data_type()), offsets, values, None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

/// Where the elements of each list lie that is not NULL.
pub(crate) fn ranges(lists: &ListArray) -> impl Iterator<Item = Range<usize>> + '_ {
    lists.value_offsets().windows(2).enumerate().filter_map(|(row, ends)| {
        let [from, to] = ends else { return None };
        let range = usize::try_from(*from).ok()?..usize::try_from(*to).ok()?;
        lists.is_valid(row).then_some(range)
    })
}

/// Where the elements of the lists lie that are not NULL: all of them in one piece where none is.
pub(crate) fn runs(lists: &ListArray) -> impl Iterator<Item = Range<usize>> + '_ {
    let offsets = lists.value_offsets();
    let whole = lists.null_count() == 0;
    let step = if whole { lists.len() } else { 1 };
    let starts = (0..lists.len()).step_by(step.max(1));
    starts.filter(move |row| whole || lists.is_valid(*row)).filter_map(move |row| {
        let (from, to) = (offsets.get(row)?, offsets.get(row + step)?);
        Some(usize::try_from(*from).ok()?..usize::try_from(*to).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Int64Array;
    use datafusion::arrow::datatypes::Int64Type;

    #[test]
    fn runs_are_the_elements_of_lists_that_are_not_null() {
        let of = |lists: Vec<Option<Vec<Option<i64>>>>| {
            ListArray::from_iter_primitive::<Int64Type, _, _>(lists)
        };
        let read = |lists: &ListArray| -> Vec<i64> {
            let values = lists.values().as_primitive::<Int64Type>();
            runs(lists).flatten().map(|i| values.value(i)).collect()
        };
        let whole = of(vec![Some(vec![Some(1), Some(2)]), Some(vec![]), Some(vec![Some(3)])]);
        assert_eq!(runs(&whole).count(), 1);
        assert_eq!(read(&whole), [1, 2, 3]);
        assert_eq!(read(&whole.slice(1, 2)), [3]);
        assert_eq!(read(&whole.slice(1, 0)), [0; 0]);
        // a NULL list may hide elements
        let hidden = ListArray::new(
            item(&DataType::Int64),
            OffsetBuffer::from_lengths([1, 2, 1]),
            Arc::new(Int64Array::from(vec![1, 2, 3, 4])),
            Some(vec![true, false, true].into()),
        );
        assert_eq!(read(&hidden), [1, 4]);
        assert_eq!(read(&hidden.slice(1, 2)), [4]);
    }
}
