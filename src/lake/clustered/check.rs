//! Rows are held against the order that their file claims, batch by batch, while they stream.
//!
//! Every batch is looked at once, its customers and times only: a comparison of neighbours, and of
//! the ends with the range. A row out of place is an error that names the file and the row, never a
//! wrong answer.

use std::cmp::Ordering;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, make_comparator,
};
use datafusion::arrow::compute::{SortOptions, cast};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::Result as DfResult;

use super::key::Keys;
use super::layout::Bounds;
use super::violated;

/// The rows of one file so far.
#[derive(Debug)]
pub(crate) struct Check {
    file: String,
    bounds: Bounds,
    /// column of the customer
    key: usize,
    /// columns that the rows of a customer are in the order of
    then: Vec<(usize, SortOptions)>,
    rows: usize,
    /// the last row, of the customer and of the other columns
    last: Option<(ArrayRef, Vec<ArrayRef>)>,
}

impl Check {
    pub(crate) fn new(
        file: &str,
        bounds: Bounds,
        key: usize,
        then: Vec<(usize, SortOptions)>,
    ) -> Self {
        Self { file: file.to_owned(), bounds, key, then, rows: 0, last: None }
    }

    /// Looks at the next batch of the file.
    pub(crate) fn see(&mut self, batch: &RecordBatch) -> DfResult<()> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let column = |at: usize| batch.columns().get(at);
        let customers = column(self.key);
        let Some((customers, keys)) = customers.and_then(|c| Some((c, Keys::of(c)?))) else {
            return Err(violated(&self.file, "its customers are of another type").into());
        };
        let columns: Vec<ArrayRef> =
            self.then.iter().filter_map(|(at, _)| column(*at)).cloned().collect();
        if let Some(row) = self.disorder(&keys, &columns)? {
            let message = format!("row {} is not in its order", self.rows + row + 1);
            return Err(violated(&self.file, &message).into());
        }
        let inside = match &self.bounds {
            Bounds::Nobody => keys.nobody() == 0,
            Bounds::Customers(from, below) => {
                let first = from.as_ref().map(|from| keys.compare_to(0, Some(from)));
                let end = below.as_ref().map(|below| keys.compare_to(rows - 1, Some(below)));
                first != Some(Ordering::Less)
                    && end.is_none_or(|end| end == Ordering::Less)
                    && keys.nobody() == rows
            }
        };
        if !inside {
            return Err(violated(&self.file, "it holds customers of another range").into());
        }
        self.rows += rows;
        let end = |column: &ArrayRef| column.slice(rows - 1, 1);
        self.last = Some((end(customers), columns.iter().map(end).collect()));
        Ok(())
    }

    /// The first row that does not follow the one before it.
    fn disorder(&self, keys: &Keys<'_>, columns: &[ArrayRef]) -> DfResult<Option<usize>> {
        if let Some((customer, before)) = &self.last
            && let Some(last) = Keys::of(customer)
        {
            match keys.compare_to(0, last.key(0).as_ref()) {
                Ordering::Less => return Ok(Some(0)),
                Ordering::Equal if !self.follows(before, columns)?(0, 0) => return Ok(Some(0)),
                _ => {}
            }
        }
        if let (Some(numbers), [column], [(_, options)]) = (keys.numbers(), columns, &*self.then)
            && !options.descending
            && column.data_type().is_temporal()
            && column.null_count() == 0
        {
            let times = cast(column, &DataType::Int64)?;
            return Ok(times.as_primitive_opt::<Int64Type>().and_then(|t| unsorted(numbers, t)));
        }
        let follows = self.follows(columns, columns)?;
        let place = (1..keys.len()).find(|row| match keys.compare(row - 1, *row) {
            Ordering::Less => false,
            Ordering::Equal => !follows(row - 1, *row),
            Ordering::Greater => true,
        });
        Ok(place)
    }

    /// Whether a row of `right` may follow one of `left` of the same customer.
    fn follows(
        &self,
        left: &[ArrayRef],
        right: &[ArrayRef],
    ) -> Result<impl Fn(usize, usize) -> bool + use<>, ArrowError> {
        let columns = left.iter().zip(right).zip(&self.then);
        let compare = columns.map(|((left, right), (_, by))| make_comparator(left, right, *by));
        let compare = compare.collect::<Result<Vec<_>, _>>()?;
        Ok(move |a, b| {
            let mut differ = compare.iter().map(|compare| compare(a, b));
            differ.find(|order| order.is_ne()) != Some(Ordering::Greater)
        })
    }
}

/// The first row that does not follow the one before it, for numbers and times that are all there.
fn unsorted(keys: &[i64], times: &Int64Array) -> Option<usize> {
    let mut pairs = keys.windows(2).zip(times.values().windows(2));
    let before = pairs.position(|pairs| match pairs {
        ([a, b], [s, t]) => (a > b) | ((a == b) & (s > t)),
        _ => false,
    });
    before.map(|row| row + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{StringViewArray, TimestampMicrosecondArray};
    use proptest::prelude::*;

    use super::*;
    use crate::lake::clustered::key::Key;

    const UP: SortOptions = SortOptions { descending: false, nulls_first: false };
    const DOWN: SortOptions = SortOptions { descending: true, nulls_first: false };

    type Row = (Option<i8>, Option<i8>);

    fn batch(rows: &[Row], text: bool) -> RecordBatch {
        // two digits and a sign that sorts: the order of texts is that of numbers
        let shown = |n: i8| format!("{:03}", i16::from(n) + 128);
        let keys: ArrayRef = if text {
            Arc::new(StringViewArray::from_iter(rows.iter().map(|r| r.0.map(shown))))
        } else {
            Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.0.map(i64::from))))
        };
        let times = rows.iter().map(|r| r.1.map(i64::from));
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter(times));
        RecordBatch::try_from_iter_with_nullable([("k", keys, true), ("t", times, true)]).unwrap()
    }

    fn check(
        rows: &[Row],
        cut: usize,
        bounds: Bounds,
        text: bool,
        then: Option<SortOptions>,
    ) -> bool {
        let then = then.into_iter().map(|by| (1, by)).collect();
        let mut check = Check::new("f", bounds, 0, then);
        let (one, two) = rows.split_at(cut.min(rows.len()));
        check.see(&batch(one, text)).and_then(|()| check.see(&batch(two, text))).is_ok()
    }

    /// NULLS LAST, as a number.
    fn rank(n: Option<i8>) -> i16 {
        n.map_or(1000, i16::from)
    }

    fn rows(null: bool) -> impl Strategy<Value = Vec<Row>> {
        let some = prop_oneof![9 => (0..6_i8).prop_map(Some), 1 => Just(None)];
        let key = prop_oneof![30 => (-3..3_i8).prop_map(Some), 1 => Just(None)];
        prop::collection::vec((key, some), 0..9).prop_map(move |mut rows| {
            if !null {
                rows.retain(|r| r.0.is_some());
            }
            rows
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn what_is_seen_is_what_a_sort_says(
            mut rows in rows(false), sorted: bool, cut in 0..9_usize, text: bool,
            then in prop_oneof![Just(None), Just(Some(UP)), Just(Some(DOWN))],
        ) {
            let order = |r: &Row| (rank(r.0), match then {
                None => 0,
                Some(UP) => rank(r.1),
                Some(_) => r.1.map_or(1000, |n| -i16::from(n)),
            });
            if sorted {
                rows.sort_by_key(order);
            }
            let truth = rows.is_sorted_by_key(order);
            prop_assert_eq!(check(&rows, cut, Bounds::Customers(None, None), text, then), truth);
        }

        #[test]
        fn customers_of_another_range_are_seen(mut rows in rows(true), cut in 0..9_usize) {
            rows.sort_by_key(|r| (rank(r.0), rank(r.1)));
            let within = |r: &Row| (0..2).contains(&rank(r.0));
            let bounds = Bounds::Customers(Some(Key::Int(0)), Some(Key::Int(2)));
            prop_assert_eq!(check(&rows, cut, bounds, false, Some(UP)), rows.iter().all(within));
            let nobody = rows.iter().all(|r| r.0.is_none());
            prop_assert_eq!(check(&rows, cut, Bounds::Nobody, false, Some(UP)), nobody);
        }
    }

    #[test]
    fn an_error_names_the_file_and_the_row() {
        let mut check = Check::new("f.parquet", Bounds::Customers(None, None), 0, vec![(1, UP)]);
        check.see(&batch(&[(Some(1), Some(1)), (Some(1), Some(1))], false)).unwrap();
        let error = check.see(&batch(&[(Some(1), Some(2)), (Some(1), Some(0))], false));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("file f.parquet"), "{error}");
        assert!(error.contains("row 4 is not in its order"), "{error}");
    }
}
