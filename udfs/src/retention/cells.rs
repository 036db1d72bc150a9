//! The cells of a retention matrix that one customer is in.

use crate::events::{Amount, Digits};
use crate::exact_sum::ExactSum;
use crate::payload::{Label, Payload};

const HOUR: i64 = 3_600_000_000;

/// What a row is to the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    /// number of the period of the calendar that it lies in
    pub period: i64,
    /// it starts
    pub starts: bool,
    /// it is a return
    pub returns: bool,
    /// a start in this period has a cohort
    pub in_range: bool,
}

impl Mark {
    /// In 64 bits: a number of a period has at most 61.
    pub(super) const fn pack(self) -> i64 {
        self.period << 3
            | (self.starts as i64) << 2
            | (self.returns as i64) << 1
            | self.in_range as i64
    }

    pub(super) const fn unpack(mark: i64) -> Self {
        Self {
            period: mark >> 3,
            starts: mark & 4 != 0,
            returns: mark & 2 != 0,
            in_range: mark & 1 != 0,
        }
    }
}

/// A row of one customer: the mark, and where they are asked for an amount and what splits cohorts.
pub(super) trait Visit: Payload {
    fn mark(self) -> Mark;
    /// Adds the amount to that of a cell; what is not known adds nothing.
    fn add_to(self, sum: &mut ExactSum);
    fn group(self) -> Label;
}

impl Visit for i64 {
    fn mark(self) -> Mark {
        Mark::unpack(self)
    }

    fn add_to(self, _: &mut ExactSum) {}

    fn group(self) -> Label {
        Label::NONE
    }
}

impl Visit for (i64, Amount, Label) {
    fn mark(self) -> Mark {
        Mark::unpack(self.0)
    }

    fn add_to(self, sum: &mut ExactSum) {
        if let Some(amount) = self.1.get() {
            sum.add(amount);
        }
    }

    fn group(self) -> Label {
        self.2
    }
}

impl Visit for (i64, Digits, Label) {
    fn mark(self) -> Mark {
        Mark::unpack(self.0)
    }

    fn add_to(self, sum: &mut ExactSum) {
        if let Some(digits) = self.1.get() {
            sum.add_whole(digits);
        }
    }

    fn group(self) -> Label {
        self.2
    }
}

/// Which starts have a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// the first of all, if it is in range
    FirstEver,
    /// the first that is in range
    FirstInRange,
    /// the first of each period in range
    Recurring,
}

/// When a customer is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// by a return in the cell itself
    On,
    /// by a return in the cell or a later one
    OnOrAfter,
    /// by a return in each cell up to this one, from 0 or 1 on
    Every,
}

/// What the cells are.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub start: Start,
    pub rule: Rule,
    /// hours of a cell that is counted from the start, `None` for periods of the calendar
    pub hours: Option<i64>,
    /// so many rows make a return
    pub min_count: usize,
    /// where cells begin, and where the last one ends: rising; 0, 1, 2, … for cells of one period
    pub brackets: Vec<i64>,
    /// what lies beyond the last cell is a cell too, to those who may come later
    pub open: bool,
}

/// One start of a customer, or a cell that it is in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell<'a> {
    /// period of the start
    pub period: i64,
    pub start: i64,
    pub group: Label,
    /// where the cell begins, `None` for the start itself
    pub n: Option<i64>,
    /// of the rows in it
    pub measure: Option<&'a ExactSum>,
}

/// Where cells of one period begin and the last of them ends: 0 to `last` periods after the start.
pub(super) fn each_period(last: i64) -> Vec<i64> {
    (0..=last.saturating_add(1)).collect()
}

/// Memory that one customer hands to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    starts: Vec<(i64, i64, Label)>,
    /// rows and sum of each cell
    counts: Vec<(usize, ExactSum)>,
}

impl Matrix {
    /// The cells of a customer whose rows are `visits`, in the order of time.
    pub(super) fn cells<V: Visit>(
        &self,
        visits: &[(i64, V)],
        scratch: &mut Scratch,
        cell: &mut impl FnMut(Cell<'_>),
    ) {
        let Scratch { starts, counts } = scratch;
        self.starts(visits, starts);
        for &(start, period, group) in starts.iter() {
            cell(Cell { period, start, group, n: None, measure: None });
            counts.iter_mut().for_each(|c| *c = Default::default());
            counts.resize_with(self.brackets.len().saturating_sub(1), Default::default);
            let from = visits.partition_point(|v| v.0 < start);
            let (mut beyond, mut later) = (None, false);
            for (time, visit) in visits.iter().skip(from) {
                let mark = visit.mark();
                if !mark.returns {
                    continue;
                }
                let n = match self.hours {
                    Some(hours) => (time.div_euclid(HOUR) - start.div_euclid(HOUR)) / hours,
                    None => mark.period - period,
                };
                let Some((rows, sum)) = self.bracket(n).and_then(|at| counts.get_mut(at)) else {
                    // beyond the last cell each period is one
                    beyond = match beyond {
                        Some((same, rows)) if same == n => Some((n, rows + 1)),
                        _ => Some((n, 1)),
                    };
                    later |= self.open && beyond.is_some_and(|(_, rows)| rows >= self.min_count);
                    continue;
                };
                *rows += 1;
                visit.add_to(sum);
            }
            let mut retained = self.retained(counts, later);
            for (n, (rows, sum)) in self.brackets.iter().zip(counts.iter()) {
                if retained(*n, *rows) {
                    cell(Cell { period, start, group, n: Some(*n), measure: Some(sum) });
                }
            }
        }
    }

    /// Whether any row in a cell retains, whatever lies in the others.
    pub(super) fn one_is_enough(&self) -> bool {
        self.rule == Rule::On && self.min_count <= 1 && self.hours.is_none()
    }

    /// The cells of a customer who was there in `periods`, each once and rising, and of whom nothing
    /// else is known, if [one row is enough](Self::one_is_enough): of each start its period, and where
    /// its cells begin.
    pub(super) fn cells_of_periods(
        &self,
        periods: &[i64],
        mut start: impl FnMut(i64, &mut dyn Iterator<Item = i64>),
    ) {
        let starts = if self.start == Start::Recurring { periods.len() } else { 1 };
        for (at, period) in periods.iter().enumerate().take(starts) {
            let mut last = None;
            let mut cells = periods
                .iter()
                .skip(at)
                .filter_map(|later| self.bracket(later - period))
                .filter(|cell| last.replace(*cell) != Some(*cell))
                .filter_map(|cell| self.brackets.get(cell).copied());
            start(*period, &mut cells);
        }
    }

    /// The starts that have a cohort, each with its period and what splits the cohort: the least of
    /// the texts of the rows that start at that time.
    fn starts<V: Visit>(&self, visits: &[(i64, V)], starts: &mut Vec<(i64, i64, Label)>) {
        starts.clear();
        for (time, visit) in visits {
            let mark = visit.mark();
            if !mark.starts || (!mark.in_range && self.start != Start::FirstEver) {
                continue;
            }
            // where clocks are set back, an hour may come twice with another between
            let known = starts.iter().rev().take(2).any(|s| s.1 == mark.period);
            match starts.last_mut() {
                Some((same, _, group)) if same == time => *group = visit.group().min(*group),
                Some(_) if self.start != Start::Recurring => break,
                Some(_) if known => {}
                Some(_) => starts.push((*time, mark.period, visit.group())),
                None if mark.in_range => starts.push((*time, mark.period, visit.group())),
                // the first of all has no cohort, and no other is the first
                None => break,
            }
        }
    }

    /// Which cell `n` lies in, if it is not beyond the last.
    fn bracket(&self, n: i64) -> Option<usize> {
        let own = usize::try_from(n).ok()?;
        let at = match self.brackets.get(own) {
            // cells of one period
            Some(same) if *same == n => own,
            _ => self.brackets.partition_point(|from| *from <= n).checked_sub(1)?,
        };
        (at + 1 < self.brackets.len()).then_some(at)
    }

    /// Whether a customer with these rows is retained in a cell, asked about one after the other;
    /// `later` says that there is a return beyond all of them.
    fn retained(
        &self,
        counts: &[(usize, ExactSum)],
        later: bool,
    ) -> impl FnMut(i64, usize) -> bool + use<> {
        let least = self.min_count;
        let rule = self.rule;
        let enough = self.brackets.iter().zip(counts).filter(|(_, c)| c.0 >= least);
        let last = if later { Some(i64::MAX) } else { enough.map(|(n, _)| *n).next_back() };
        let mut without_gap: Option<i64> = None;
        move |n, rows| match rule {
            Rule::On => rows >= least,
            Rule::OnOrAfter => last.is_some_and(|last| n <= last),
            Rule::Every => {
                let next = match without_gap {
                    Some(before) => n == before + 1,
                    None => n <= 1,
                };
                let is = rows >= least && next;
                if is {
                    without_gap = Some(n);
                }
                is
            }
        }
    }
}
