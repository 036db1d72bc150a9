//! Where one file ends and the next begins, in rows that come in order.
//!
//! Ranges that are given are kept to. In the last one, a table that may does new ranges of so many
//! rows, for customers greater than all that are known; a customer is never cut in two.

use std::cmp::Ordering;
use std::ops::Range;

use crate::lake::clustered::key::{Key, Keys};

/// Rows of a batch that belong to one range; `None` stands for rows without a customer.
pub(super) type Piece = (Option<usize>, Range<usize>);

/// Cuts the rows of a table.
#[derive(Debug)]
pub(super) struct Cutter {
    splits: Vec<Key>,
    /// rows of a range that is made here; none is made without
    rows: Option<usize>,
    /// ranges begin with greater customers only
    above: Option<Key>,
    range: usize,
    /// rows of the range so far
    seen: usize,
    /// the customer of the row before
    last: Option<Key>,
}

impl Cutter {
    pub(super) fn new(splits: Vec<Key>, rows: Option<usize>, above: Option<Key>) -> Self {
        Self { splits, rows, above, range: 0, seen: 0, last: None }
    }

    /// The split points, with those that were made.
    pub(super) fn splits(&self) -> &[Key] {
        &self.splits
    }

    /// The greatest customer so far.
    pub(super) fn last(&self) -> Option<&Key> {
        self.last.as_ref()
    }

    /// The pieces of the next batch, in order.
    pub(super) fn cut(&mut self, keys: &Keys<'_>) -> Vec<Piece> {
        let mut pieces = vec![];
        let (end, mut at) = (keys.nobody(), 0);
        while at < end {
            let next = match self.splits.get(self.range) {
                Some(split) => keys.at_or_above(split).min(end),
                None => self.next(keys, at, end),
            };
            if next > at {
                pieces.push((Some(self.range), at..next));
                self.seen += next - at;
                self.last = keys.key(next - 1);
            }
            if next < end {
                if self.range == self.splits.len() {
                    self.splits.extend(keys.key(next));
                }
                self.range += 1;
                self.seen = 0;
            }
            at = next;
        }
        if end < keys.len() {
            pieces.push((None, end..keys.len()));
        }
        pieces
    }

    /// In the last range: the row that a new range begins with.
    fn next(&self, keys: &Keys<'_>, at: usize, end: usize) -> usize {
        let Some(rows) = self.rows else { return end };
        let first = at + rows.saturating_sub(self.seen);
        let new = |row: usize| match row.checked_sub(1) {
            Some(before) => keys.compare(before, row) != Ordering::Equal,
            None => keys.compare_to(row, self.last.as_ref()) != Ordering::Equal,
        };
        let above = |row: usize| match &self.above {
            Some(above) => keys.compare_to(row, Some(above)) == Ordering::Greater,
            None => true,
        };
        (first..end).find(|row| new(*row) && above(*row)).unwrap_or(end)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    /// Ranges of all rows, and the split points.
    fn cut(
        mut cutter: Cutter,
        rows: &[Option<i64>],
        batch: usize,
    ) -> (Vec<Option<usize>>, Vec<i64>) {
        let mut ranges = vec![];
        for rows in rows.chunks(batch) {
            let column = Int64Array::from(rows.to_vec());
            let mut next = 0;
            for (range, piece) in cutter.cut(&Keys::of(&column).unwrap()) {
                assert_eq!(piece.start, next);
                assert!(!piece.is_empty());
                next = piece.end;
                ranges.extend(piece.map(|_| range));
            }
            assert_eq!(next, rows.len());
        }
        let number = |key: &Key| match key {
            Key::Int(n) => *n,
            Key::Text(_) => unreachable!(),
        };
        (ranges, cutter.splits().iter().map(number).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn ranges_are_kept_and_made(
            mut keys in prop::collection::vec(0..12_i64, 0..40), nobody in 0..3_usize,
            splits in prop::collection::btree_set(0..12_i64, 0..4),
            rows in prop::option::of(1..6_usize), above in prop::option::of(0..12_i64),
            batch in 1..9_usize,
        ) {
            keys.sort();
            let given: Vec<i64> = splits.into_iter().collect();
            // what is known lies below what is greater than all that is known
            let above = above.max(given.last().copied());
            let all: Vec<_> = keys.iter().map(|k| Some(*k)).chain(vec![None; nobody]).collect();
            let as_keys = given.iter().map(|n| Key::Int(*n)).collect();
            let cutter = Cutter::new(as_keys, rows, above.map(Key::Int));
            let (ranges, made) = cut(cutter, &all, batch);
            // every row is in the range that the split points say
            prop_assert!(made.starts_with(&given) && made.is_sorted_by(|a, b| a < b));
            for (key, range) in all.iter().zip(&ranges) {
                let right = key.map(|key| made.iter().filter(|split| **split <= key).count());
                prop_assert_eq!(*range, right);
            }
            // new ranges are full, and begin above
            let size = |r: usize| ranges.iter().filter(|range| **range == Some(r)).count();
            for (at, split) in made.iter().enumerate().skip(given.len()) {
                prop_assert!(above.is_none_or(|above| *split > above));
                prop_assert!(size(at) >= rows.unwrap());
            }
            // and no longer than a customer more, where they may begin
            if let Some(rows) = rows {
                let last = made.len();
                for range in given.len()..=last {
                    let mine: Vec<_> = all.iter().zip(&ranges).filter(|(_, r)| **r == Some(range))
                        .filter_map(|(k, _)| *k).collect();
                    let late = mine.iter().skip(rows)
                        .filter(|k| above.is_none_or(|above| **k > above));
                    let end = mine.get(rows.max(1) - 1);
                    let mut late: Vec<_> = late.filter(|k| Some(*k) != end).collect();
                    late.dedup();
                    prop_assert!(late.is_empty(), "range {} of {:?} goes on to {:?}", range, mine, late);
                }
            }
        }
    }
}
