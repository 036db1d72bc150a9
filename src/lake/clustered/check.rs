//! Rows are held against the order that their file claims, batch by batch, while they stream.
//!
//! Every batch is looked at once, its customers and times only: a comparison of neighbours, and of
//! the ends with the range. A row out of place is an error that names the file and the row, never a
//! wrong answer.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, AsArray, Int64Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result as DfResult;

use super::key::{Key, Keys};
use super::layout::Bounds;
use super::violated;

/// The rows of one file so far.
#[derive(Debug)]
pub(crate) struct Check {
    file: String,
    bounds: Bounds,
    /// column of the customer
    key: usize,
    /// column of the time, if it is read
    time: Option<usize>,
    rows: usize,
    last: Option<(Option<Key>, Option<i64>)>,
}

impl Check {
    pub(crate) fn new(file: &str, bounds: Bounds, key: usize, time: Option<usize>) -> Self {
        Self { file: file.to_owned(), bounds, key, time, rows: 0, last: None }
    }

    /// Looks at the next batch of the file.
    pub(crate) fn see(&mut self, batch: &RecordBatch) -> DfResult<()> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let Some(keys) = batch.columns().get(self.key).and_then(|column| Keys::of(column)) else {
            return Err(violated(&self.file, "its customers are of another type").into());
        };
        let times = match self.time.and_then(|time| batch.columns().get(time)) {
            Some(column) => Some(cast(column, &DataType::Int64)?),
            None => None,
        };
        let times = times.as_ref().map(|times| times.as_primitive::<Int64Type>());
        let at = |row: usize| times.and_then(|t| t.is_valid(row).then(|| t.value(row)));
        let follows = match &self.last {
            None => true,
            Some((key, time)) => match keys.compare_to(0, key.as_ref()) {
                Ordering::Greater => true,
                Ordering::Equal => in_time(*time, at(0)),
                Ordering::Less => false,
            },
        };
        let wrong = if follows { disorder(&keys, times) } else { Some(0) };
        if let Some(row) = wrong {
            let what = match self.time {
                Some(_) => "customer and time",
                None => "customer",
            };
            let message = format!("row {} is not in the order of {what}", self.rows + row + 1);
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
        self.last = Some((keys.key(rows - 1), at(rows - 1)));
        Ok(())
    }
}

/// Whether a time may follow another of the same customer; what is missing comes last.
fn in_time(before: Option<i64>, after: Option<i64>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => before <= after,
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

/// The first row that does not follow the one before it.
fn disorder(keys: &Keys<'_>, times: Option<&Int64Array>) -> Option<usize> {
    let plain = times.filter(|times| times.null_count() == 0).map(|times| times.values().as_ref());
    let before = match (keys.numbers(), plain) {
        (Some(keys), None) if times.is_none() => {
            keys.windows(2).position(|pair| matches!(pair, [a, b] if a > b))
        }
        (Some(keys), Some(times)) => {
            keys.windows(2).zip(times.windows(2)).position(|pairs| match pairs {
                ([a, b], [s, t]) => (a > b) | ((a == b) & (s > t)),
                _ => false,
            })
        }
        _ => {
            let at = |row: usize| times.and_then(|t| t.is_valid(row).then(|| t.value(row)));
            (1..keys.len()).position(|row| match keys.compare(row - 1, row) {
                Ordering::Less => false,
                Ordering::Equal => !in_time(at(row - 1), at(row)),
                Ordering::Greater => true,
            })
        }
    };
    before.map(|row| row + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, StringViewArray, TimestampMicrosecondArray};
    use proptest::prelude::*;

    use super::*;

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

    fn check(rows: &[Row], cut: usize, bounds: Bounds, text: bool, timed: bool) -> bool {
        let mut check = Check::new("f", bounds, 0, timed.then_some(1));
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
            mut rows in rows(false), sorted: bool, cut in 0..9_usize, text: bool, timed: bool,
        ) {
            if sorted {
                rows.sort_by_key(|r| (rank(r.0), rank(r.1)));
            }
            let order = |r: &Row| (rank(r.0), if timed { rank(r.1) } else { 0 });
            let truth = rows.is_sorted_by_key(order);
            prop_assert_eq!(check(&rows, cut, Bounds::Customers(None, None), text, timed), truth);
        }

        #[test]
        fn customers_of_another_range_are_seen(mut rows in rows(true), cut in 0..9_usize) {
            rows.sort_by_key(|r| (rank(r.0), rank(r.1)));
            let within = |r: &Row| (0..2).contains(&rank(r.0));
            let bounds = Bounds::Customers(Some(Key::Int(0)), Some(Key::Int(2)));
            prop_assert_eq!(check(&rows, cut, bounds, false, true), rows.iter().all(within));
            let nobody = rows.iter().all(|r| r.0.is_none());
            prop_assert_eq!(check(&rows, cut, Bounds::Nobody, false, true), nobody);
        }
    }

    #[test]
    fn an_error_names_the_file_and_the_row() {
        let mut check = Check::new("f.parquet", Bounds::Customers(None, None), 0, Some(1));
        check.see(&batch(&[(Some(1), Some(1)), (Some(1), Some(1))], false)).unwrap();
        let error = check.see(&batch(&[(Some(1), Some(2)), (Some(1), Some(0))], false));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("file f.parquet"), "{error}");
        assert!(error.contains("row 4 is not in the order of customer and time"), "{error}");
    }
}
