//! A retention matrix put together from the cells of its customers.

use std::collections::{BTreeMap, HashMap};

use crate::exact_sum::ExactSum;

/// The customers of one cell, or the starts of one cohort.
#[derive(Debug, Clone)]
pub(super) struct Count {
    pub customers: i64,
    pub measure: ExactSum,
    /// when the first of them started, and the last
    pub first: i64,
    pub last: i64,
}

impl Default for Count {
    fn default() -> Self {
        Self { customers: 0, measure: ExactSum::default(), first: i64::MAX, last: i64::MIN }
    }
}

impl Count {
    /// One customer more.
    pub(super) fn add(&mut self, start: i64) {
        self.add_one();
        self.first = self.first.min(start);
        self.last = self.last.max(start);
    }

    /// What is summed of a customer; what is not finite adds nothing.
    pub(super) fn add_measure(&mut self, measure: f64) {
        if measure != 0.0 && measure.is_finite() {
            self.measure.add(measure);
        }
    }

    /// One customer more, of whom it is not known when they started, nor anything to sum.
    pub(super) fn add_one(&mut self) {
        self.customers += 1;
    }

    /// When the first of them started, and the last, where that is known of any.
    pub(super) fn starts(&self) -> Option<(i64, i64)> {
        (self.first <= self.last).then_some((self.first, self.last))
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.customers += other.customers;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.measure.merge(&other.measure);
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.measure.heap_size()
    }
}

/// So many cells from 0 on have a place of their own; brackets and long matrices have others too.
const DENSE: usize = 1024;

/// The starts of a cohort and the cells of those who started.
#[derive(Debug, Clone, Default)]
pub(super) struct Cohort {
    starts: Count,
    dense: Vec<Count>,
    others: BTreeMap<i64, Count>,
}

impl Cohort {
    /// The cell `n`, or the starts.
    pub(super) fn cell(&mut self, n: Option<i64>) -> &mut Count {
        let Some(n) = n else { return &mut self.starts };
        let Some(place) = usize::try_from(n).ok().filter(|place| *place < DENSE) else {
            return self.others.entry(n).or_default();
        };
        if place >= self.dense.len() {
            self.dense.resize_with(place + 1, Count::default);
        }
        // there is one by now
        self.dense.get_mut(place).unwrap_or(&mut self.starts)
    }

    /// What is in the cohort: the starts first, then cells by n.
    pub(super) fn cells(&self) -> impl Iterator<Item = (Option<i64>, &Count)> {
        let dense = (0_i64..).zip(&self.dense);
        let below = self.others.range(..0).map(|(n, count)| (*n, count));
        let above = self.others.range(0..).map(|(n, count)| (*n, count));
        std::iter::once((None, &self.starts))
            .chain(below.chain(dense).chain(above).map(|(n, count)| (Some(n), count)))
            .filter(|(_, count)| count.customers > 0)
    }
}

/// A cohort is that of a period and of what splits it.
pub(super) type Key = (i64, Option<Box<str>>);

/// The matrix.
#[derive(Debug, Clone, Default)]
pub(super) struct Grid {
    cohorts: Vec<(Key, Cohort)>,
    places: HashMap<Key, usize>,
    /// where the last one was found: the cells of a customer come together
    last: usize,
}

impl Grid {
    /// The cohort of a period and a group.
    pub(super) fn cohort(&mut self, period: i64, group: Option<&str>) -> &mut Cohort {
        let same = |key: &Key| key.0 == period && key.1.as_deref() == group;
        if !self.cohorts.get(self.last).is_some_and(|(key, _)| same(key)) {
            let key = (period, group.map(Box::from));
            let next = self.cohorts.len();
            self.last = *self.places.entry(key).or_insert(next);
        }
        if self.last == self.cohorts.len() {
            let key = (period, group.map(Box::from));
            self.cohorts.push((key, Cohort::default()));
        }
        let last = self.last.min(self.cohorts.len().saturating_sub(1));
        #[expect(clippy::indexing_slicing, reason = "there is at least one by now")]
        &mut self.cohorts[last].1
    }

    /// The cohorts by period and group, those without a group first.
    pub(super) fn sorted(&self) -> Vec<&(Key, Cohort)> {
        let mut all: Vec<_> = self.cohorts.iter().collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Bytes on the heap.
    pub(super) fn size(&self) -> usize {
        let cohort = |(key, cohort): &(Key, Cohort)| {
            let text = key.1.as_ref().map_or(0, |text| text.len());
            let others = cohort.others.len() * (size_of::<i64>() + size_of::<Count>());
            let dense = cohort.dense.iter().map(Count::size).sum::<usize>();
            2 * (size_of::<(Key, Cohort)>() + text) + others + dense
        };
        self.cohorts.iter().map(cohort).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_in_order_and_empty_ones_not_at_all() {
        let mut cohort = Cohort::default();
        for n in [Some(5), None, Some(2000), Some(0), Some(-1), Some(5)] {
            cohort.cell(n).add(10);
        }
        let cells: Vec<_> = cohort.cells().map(|(n, c)| (n, c.customers)).collect();
        let want = [(None, 1), (Some(-1), 1), (Some(0), 1), (Some(5), 2), (Some(2000), 1)];
        assert_eq!(cells, want);
    }

    #[test]
    fn cohorts_are_told_apart_by_period_and_group() {
        let mut grid = Grid::default();
        for (period, group) in [(1, Some("b")), (1, None), (0, Some("b")), (1, Some("b"))] {
            grid.cohort(period, group).cell(None).add(0);
        }
        let found: Vec<_> = grid
            .sorted()
            .into_iter()
            .map(|((period, group), c)| (*period, group.as_deref(), c.starts.customers))
            .collect();
        assert_eq!(found, [(0, Some("b"), 1), (1, None, 1), (1, Some("b"), 2)]);
    }
}
