//! Transitions from step to step, counted over paths.

use std::collections::HashMap;

/// Texts of other batches under numbers of their own, so that pairs of numbers can be counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Transitions {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    pairs: Vec<Pair>,
    places: HashMap<(u32, u32), usize>,
}

/// One step followed by another.
#[derive(Debug, Clone, Default)]
pub(super) struct Pair {
    step: u32,
    next: u32,
    pub n: i64,
    /// of those, on paths that are flagged
    pub flagged: i64,
    /// how long each of them took, those that have a length
    pub seconds: Vec<f64>,
}

impl Pair {
    /// The median of the lengths; between the two in the middle where their number is even.
    pub(super) fn median(&self) -> Option<f64> {
        let mut all = self.seconds.clone();
        let middle = all.len() / 2;
        if all.is_empty() {
            return None;
        }
        let even = all.len().is_multiple_of(2);
        let (below, at, _) = all.select_nth_unstable_by(middle, f64::total_cmp);
        let upper = *at;
        Some(match below.iter().copied().max_by(f64::total_cmp) {
            Some(lower) if even => f64::midpoint(lower, upper),
            _ => upper,
        })
    }
}

impl Transitions {
    /// The number of a step.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // 2³² different steps do not fit in memory
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// Where a pair is counted.
    pub(super) fn place(&mut self, step: u32, next: u32) -> usize {
        let new = self.pairs.len();
        let place = *self.places.entry((step, next)).or_insert(new);
        if place == new {
            self.pairs.push(Pair { step, next, ..Pair::default() });
        }
        place
    }

    /// The pair at a place that [`Self::place`] has told.
    pub(super) fn pair(&mut self, place: usize) -> Option<&mut Pair> {
        self.pairs.get_mut(place)
    }

    /// The names of a pair's steps.
    pub(super) fn names(&self, pair: &Pair) -> (&str, &str) {
        let name = |number: u32| {
            let place = usize::try_from(number).unwrap_or(usize::MAX);
            self.names.get(place).map_or("", AsRef::as_ref)
        };
        (name(pair.step), name(pair.next))
    }

    /// All pairs, by the names of their steps.
    pub(super) fn sorted(&self) -> Vec<&Pair> {
        let mut all: Vec<&Pair> = self.pairs.iter().collect();
        all.sort_unstable_by(|a, b| self.names(a).cmp(&self.names(b)));
        all
    }

    /// Bytes on the heap.
    pub(super) fn size(&self) -> usize {
        let texts = self.names.iter().map(|name| 2 * (name.len() + 40)).sum::<usize>();
        let seconds = |pair: &Pair| pair.seconds.capacity() * size_of::<f64>();
        let pairs = self.pairs.iter().map(|p| 2 * size_of::<Pair>() + seconds(p)).sum::<usize>();
        texts + pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_those_of_the_sorted_lengths() {
        for n in 1..40_u32 {
            let seconds: Vec<f64> = (0..n).map(|i| f64::from(i * i * 31 % 17) / 4.0).collect();
            let mut sorted = seconds.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let half = sorted.len() / 2;
            let want =
                if n % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 };
            assert_eq!(Pair { seconds, ..Pair::default() }.median(), Some(want), "{n}");
        }
        assert_eq!(Pair::default().median(), None);
    }

    #[test]
    fn pairs_are_counted_apart_and_come_by_name() {
        let mut all = Transitions::default();
        for (step, next) in [("b", "a"), ("a", "b"), ("b", "a")] {
            let (step, next) = (all.number(step), all.number(next));
            let place = all.place(step, next);
            all.pair(place).unwrap().n += 1;
        }
        let found: Vec<_> = all.sorted().into_iter().map(|p| (all.names(p), p.n)).collect();
        assert_eq!(found, [(("a", "b"), 1), (("b", "a"), 2)]);
    }
}
