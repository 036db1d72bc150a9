//! Sets of whole numbers, one a group.
//!
//! Periods in which customers were there lie close together, so a set is bits of a window that all
//! groups share: 8 bytes a group for 64 periods, and at most [`MOST`] words. What lies outside of the
//! widest window, such as a time of the year 9999 among days, is in a list.

/// Numbers of a word.
const BITS: i64 = u64::BITS as i64;
/// Words of a group at most: 1,024 numbers.
const MOST: i64 = 16;

/// The sets.
#[derive(Debug, Clone, Default)]
pub(super) struct PeriodSets {
    groups: usize,
    /// words of each group
    words: usize,
    /// the first word of the window, and the first after it: number 0 is in word 0
    first: i64,
    end: i64,
    /// group by group
    bits: Vec<u64>,
    /// group and number, outside of the window; the same may be there again
    outside: Vec<(usize, i64)>,
    /// how many numbers the sets have, those outside as often as they are there
    numbers: usize,
}

impl PeriodSets {
    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.groups
    }

    /// Makes groups `0..groups` exist.
    pub(super) fn grow(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
        self.bits.resize(self.groups * self.words, 0);
    }

    /// Adds a number to the set of a group that exists.
    #[inline]
    pub(super) fn insert(&mut self, group: usize, number: i64) {
        let word = usize::try_from(number.div_euclid(BITS).wrapping_sub(self.first));
        let Some(word) = word.ok().filter(|word| *word < self.words) else {
            return self.insert_outside(group, number);
        };
        if let Some(bits) = self.bits.get_mut(group * self.words + word) {
            let bit = 1 << number.rem_euclid(BITS);
            self.numbers += usize::from(*bits & bit == 0);
            *bits |= bit;
        }
    }

    #[cold]
    fn insert_outside(&mut self, group: usize, number: i64) {
        let word = number.div_euclid(BITS);
        let (first, end) = match self.words {
            0 => (word, word + 1),
            _ => (self.first.min(word), self.end.max(word + 1)),
        };
        if end - first <= MOST {
            self.widen(first, end);
            return self.insert(group, number);
        }
        if self.outside.len() == self.outside.capacity() {
            self.settle();
            self.outside.reserve(self.outside.len());
        }
        self.outside.push((group, number));
        self.numbers += 1;
    }

    /// Lays the sets out anew, over a window that holds the one before.
    fn widen(&mut self, first: i64, end: i64) {
        let length = |words: i64| usize::try_from(words).unwrap_or_default();
        let words = length(end - first);
        let mut bits = vec![0; self.groups * words];
        if self.words > 0 {
            let from = length(self.first - first);
            for (wide, own) in bits.chunks_exact_mut(words).zip(self.bits.chunks_exact(self.words))
            {
                wide.iter_mut().skip(from).zip(own).for_each(|(wide, own)| *wide = *own);
            }
        }
        (self.bits, self.words, self.first, self.end) = (bits, words, first, end);
    }

    /// Each number outside of the window once, by group.
    fn settle(&mut self) {
        let before = self.outside.len();
        self.outside.sort_unstable();
        self.outside.dedup();
        self.numbers -= before - self.outside.len();
    }

    /// Takes the sets of the first groups, from the least number on; the groups after them move down.
    /// `end` is called with how many numbers there are by the end of each set.
    pub(super) fn take<E>(
        &mut self,
        groups: usize,
        mut end: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Vec<i64>, E> {
        self.settle();
        let groups = groups.min(self.groups);
        let mut numbers = Vec::with_capacity(if groups == self.groups { self.numbers } else { 0 });
        let start = self.first * BITS;
        let mut outside = self.outside.iter().peekable();
        for group in 0..groups {
            let before = |o: &&(usize, i64)| o.0 == group && o.1 < start;
            numbers.extend(std::iter::from_fn(|| outside.next_if(before)).map(|o| o.1));
            let own = self.bits.iter().skip(group * self.words).take(self.words);
            for (at, word) in (0..).zip(own) {
                let mut left = *word;
                while left != 0 {
                    numbers.push(start + at * BITS + i64::from(left.trailing_zeros()));
                    left &= left - 1;
                }
            }
            let after = |o: &&(usize, i64)| o.0 == group;
            numbers.extend(std::iter::from_fn(|| outside.next_if(after)).map(|o| o.1));
            end(numbers.len())?;
        }
        self.outside = outside.map(|(group, n)| (group - groups, *n)).collect();
        self.bits.drain(..groups * self.words);
        self.groups -= groups;
        self.numbers -= numbers.len();
        if self.groups == 0 {
            *self = Self::default();
        }
        Ok(numbers)
    }

    /// Numbers in all sets, or some more.
    pub(super) fn numbers(&self) -> usize {
        self.numbers
    }

    /// Bytes on the heap.
    pub(super) fn size(&self) -> usize {
        self.bits.capacity() * size_of::<u64>()
            + self.outside.capacity() * size_of::<(usize, i64)>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    type Sets = Vec<BTreeSet<i64>>;

    fn take(sets: &mut PeriodSets, groups: usize) -> Vec<Vec<i64>> {
        let mut ends = vec![0];
        let numbers = sets
            .take(groups, |end| {
                ends.push(end);
                Ok::<_, ()>(())
            })
            .unwrap();
        ends.windows(2).map(|w| numbers[w[0]..w[1]].to_vec()).collect()
    }

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![
            5 => -100..900i64,
            2 => -3000..3000i64,
            1 => any::<i64>(),
            1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)],
        ]
    }

    proptest! {
        #[test]
        fn they_are_sets(rows in prop::collection::vec((0..9usize, number()), 0..200), first in 0..12usize) {
            let mut want: Sets = vec![BTreeSet::new(); 9];
            let mut sets = PeriodSets::default();
            for (group, number) in rows {
                sets.grow(group + 1);
                sets.insert(group, number);
                want[group].insert(number);
            }
            sets.grow(9);
            prop_assert!(sets.numbers() >= want.iter().map(BTreeSet::len).sum());
            let mut got = take(&mut sets, first);
            prop_assert_eq!(sets.len(), 9 - first.min(9));
            got.extend(take(&mut sets, 9));
            let want: Vec<Vec<i64>> = want.into_iter().map(|s| s.into_iter().collect()).collect();
            prop_assert_eq!(got, want);
            prop_assert_eq!((sets.len(), sets.numbers(), sets.bits.len(), sets.outside.len()), (0, 0, 0, 0));
        }
    }

    #[test]
    fn the_window_is_as_wide_as_it_must_be() {
        let mut sets = PeriodSets::default();
        sets.grow(2);
        for number in 600..664 {
            sets.insert(1, number);
        }
        assert_eq!((sets.words, sets.outside.len()), (2, 0));
        sets.insert(0, 10_000);
        sets.insert(0, 10_000);
        sets.insert(0, -1);
        assert_eq!((sets.words, sets.first, sets.outside.len()), (12, -1, 2));
        let want = vec![vec![-1, 10_000], (600..664).collect()];
        assert_eq!(take(&mut sets, 2), want);
    }
}
