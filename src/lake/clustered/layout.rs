//! Which customers are where: the ranges of a clustered lake, and partitions of a plan made of them.
//!
//! `n` split points make `n + 1` ranges; a split point is the first customer of its range. All
//! tables of a lake share them, so that partitions of two tables hold the same customers. A plan has
//! as many partitions as threads, each of neighbouring ranges with about as many rows: more would
//! hold more in memory, fewer would be spread again by the planner. Where there are fewer ranges
//! than threads, the partitions above the last customer are empty. Rows without a customer are in
//! the last partition.

use super::key::Key;

/// The ranges of a lake.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// first customers of all ranges but the first
    pub(crate) splits: Vec<Key>,
    /// greatest customer of the lake
    pub(crate) last: Option<Key>,
    /// a customer, for a lake that has none
    pub(crate) any: Key,
    /// rows of each range over all tables
    pub(crate) weights: Vec<u64>,
}

/// The partitions of a plan.
#[derive(Debug, PartialEq)]
pub(crate) struct Spread {
    /// first customers of all partitions but the first
    pub(crate) splits: Vec<Key>,
    /// the partition of each range
    pub(crate) of_range: Vec<usize>,
}

/// The customers of a range: from the first, to those below the second.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bounds {
    Customers(Option<Key>, Option<Key>),
    Nobody,
}

impl Layout {
    pub(crate) fn ranges(&self) -> usize {
        self.splits.len() + 1
    }

    /// The customers of a range; `None` stands for rows without a customer.
    pub(crate) fn bounds(&self, range: Option<usize>) -> Bounds {
        match range {
            Some(range) => Bounds::Customers(
                range.checked_sub(1).and_then(|before| self.splits.get(before)).cloned(),
                self.splits.get(range).cloned(),
            ),
            None => Bounds::Nobody,
        }
    }

    /// `wanted` partitions; fewer only if there are no greater customers left to end them with.
    pub(crate) fn spread(&self, wanted: usize) -> Spread {
        let wanted = wanted.max(1);
        let ranges = self.ranges();
        let total: u128 = self.weights.iter().map(|w| u128::from(*w)).sum();
        let mut of_range = Vec::with_capacity(ranges);
        let mut splits = vec![];
        let (mut partition, mut seen) = (0_usize, 0_u128);
        for range in 0..ranges {
            if range > 0 {
                let left = wanted - partition - 1;
                let full = seen * wanted as u128 >= total * (partition as u128 + 1);
                if left > 0 && (full || ranges - range <= left) {
                    partition += 1;
                    splits.extend(self.splits.get(range - 1).cloned());
                }
            }
            of_range.push(partition);
            seen += self.weights.get(range).map_or(0, |w| u128::from(*w));
        }
        let mut end = self.last.iter().chain(self.splits.last()).max().unwrap_or(&self.any).clone();
        while splits.len() + 1 < wanted
            && let Some(next) = end.next()
        {
            splits.push(next.clone());
            end = next;
        }
        Spread { splits, of_range }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(splits: &[i64], weights: &[u64]) -> Layout {
        let splits: Vec<Key> = splits.iter().map(|n| Key::Int(*n)).collect();
        Layout { last: Some(Key::Int(99)), any: Key::Int(0), splits, weights: weights.to_vec() }
    }

    fn ints(spread: &Spread) -> Vec<i64> {
        let number = |key: &Key| match key {
            Key::Int(n) => *n,
            Key::Text(_) => 0,
        };
        spread.splits.iter().map(number).collect()
    }

    #[test]
    fn neighbouring_ranges_share_a_partition() {
        let spread = layout(&[10, 20, 30], &[5, 5, 5, 5]).spread(2);
        assert_eq!((ints(&spread), spread.of_range.clone()), (vec![20], vec![0, 0, 1, 1]));
        // one range has nearly all rows
        let spread = layout(&[10, 20, 30], &[1, 900, 1, 1]).spread(3);
        assert_eq!((ints(&spread), spread.of_range.clone()), (vec![20, 30], vec![0, 0, 1, 2]));
        let spread = layout(&[10, 20, 30], &[0, 0, 0, 0]).spread(2);
        assert_eq!(spread.of_range.len(), 4);
        assert_eq!(layout(&[10, 20], &[1, 1, 1]).spread(1).splits, []);
    }

    #[test]
    fn partitions_beyond_the_ranges_are_empty() {
        let spread = layout(&[10], &[1, 1]).spread(4);
        assert_eq!((ints(&spread), spread.of_range.clone()), (vec![10, 100, 101], vec![0, 1]));
        let none =
            Layout { last: None, any: Key::Text(String::new()), splits: vec![], weights: vec![0] };
        let spread = none.spread(3);
        assert_eq!(spread.splits, [Key::Text("\0".into()), Key::Text("\0\0".into())]);
        // no number is greater
        let full = Layout { last: Some(Key::Int(i64::MAX)), ..layout(&[10], &[1, 1]) };
        assert_eq!(full.spread(4).splits, [Key::Int(10)]);
    }

    #[test]
    fn every_partition_gets_a_range_and_splits_ascend() {
        for ranges in 1..40_usize {
            for wanted in 1..12 {
                let splits: Vec<i64> = (1i64..).map(|n| n * 2).take(ranges - 1).collect();
                let weights: Vec<u64> = (0..ranges as u64).map(|n| n * 7919 % 31).collect();
                let spread = layout(&splits, &weights).spread(wanted);
                assert_eq!(spread.splits.len() + 1, wanted);
                assert!(spread.splits.is_sorted_by(|a, b| a < b));
                let used = spread.of_range.iter().collect::<std::collections::BTreeSet<_>>();
                assert_eq!(used.len(), wanted.min(ranges));
                assert!(spread.of_range.is_sorted());
            }
        }
    }
}
