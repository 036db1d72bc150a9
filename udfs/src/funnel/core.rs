//! How far one customer came in a funnel, and by which events.
//!
//! Let events be rows with a time and a set of conditions 1 … N. A *chain* of level k is a choice of
//! a row e1 … ek for each of the conditions 1 … k, whose times do not fall and with
//! `time(ek) <= time(e1) + window`. Two conditions may choose the same row. The level is the
//! greatest k for which there is a chain that the [`Rules`] allow. What they ask of it:
//!
//! - `increase`: the times of the chain rise.
//! - `once`: no two conditions choose the same row.
//! - `deduplication` and `order` speak of the other rows between the first and the last row of the
//!   chain (in time, both ends excluded). Such a row is *placed* after l steps of the chain, where
//!   l is any number from the steps with an earlier time up to those with an earlier or the same
//!   time (rows of one time come in any order). There must be a place where it is allowed:
//!   `deduplication` allows a row that satisfies none of the conditions 1 … l+1, `order` one that
//!   satisfies any of the conditions 1 … l. With `Order::Fixed` also one that satisfies no condition
//!   at all, with `Order::Reentry` also one that satisfies any condition.
//! - `exclude` allows no row that carries the bit [`EXCLUDED`] in between, wherever it is placed.
//!
//! So the level does not depend on the order in which the rows are met. It is found in one pass over
//! the times: of the chains that can still go on at level l only the one with the latest start
//! matters. Cost: O(n · N) where times are distinct and the rules are loose; rows of one time are
//! matched with steps (augmenting paths) where it matters which row serves which step.

use super::matching::Matching;

/// What may lie between the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Order {
    /// only repeats of steps that were taken
    Strict,
    /// and rows that satisfy no condition
    Fixed,
    /// and rows that satisfy a later one
    Reentry,
}

/// A funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Rules {
    /// number of conditions, at most 64
    pub steps: u32,
    /// in the unit of the times
    pub window: i64,
    pub increase: bool,
    pub once: bool,
    pub deduplication: bool,
    pub order: Option<Order>,
    /// rows may carry [`EXCLUDED`], and then there are at most 63 conditions
    pub exclude: bool,
    /// only chains count that start at the time of the first row
    pub entry: bool,
}

/// The bit of a row that must not lie between the steps.
pub(super) const EXCLUDED: u64 = 1 << 63;

/// A row: time, and bit i for condition i + 1.
pub(super) type Row = (i64, u64);

impl Rules {
    /// What lies between the steps matters.
    pub(super) fn adjacent(&self) -> bool {
        self.deduplication || self.order.is_some() || self.exclude
    }

    /// Only times matter: not which row serves which step, nor what lies between.
    pub(super) fn is_loose(&self) -> bool {
        !(self.increase || self.once || self.adjacent())
    }

    /// A chain may start at `t`, where the first row is at `first`.
    pub(super) fn may_start(&self, first: i64, t: i64) -> bool {
        !self.entry || t == first
    }

    /// Rows that satisfy nothing matter.
    pub(super) fn unmatched_matter(&self) -> bool {
        matches!(self.order, Some(Order::Strict | Order::Reentry))
    }

    /// A row outside of the chain may lie after `l` of its steps.
    pub(super) fn allows(&self, row: u64, l: u32) -> bool {
        if self.exclude && row & EXCLUDED != 0 {
            return false;
        }
        let repeats = row & low(l) != 0;
        let in_order = match self.order {
            None => true,
            Some(Order::Strict) => repeats,
            Some(Order::Fixed) => repeats || row == 0,
            Some(Order::Reentry) => row != 0,
        };
        in_order && !(self.deduplication && row & low(l + 1) != 0)
    }
}

/// The lowest `n` bits.
pub(super) fn low(n: u32) -> u64 {
    if n >= u64::BITS { u64::MAX } else { (1 << n) - 1 }
}

/// The chain that counts: the longest; of those the one that is complete first; of those the one
/// that starts last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Best {
    pub level: u32,
    pub start: i64,
    pub end: i64,
}

impl Best {
    pub(super) const NONE: Self = Self { level: 0, start: 0, end: 0 };

    pub(super) fn beats(&self, other: &Self) -> bool {
        let rank = |b: &Self| (b.level, std::cmp::Reverse(b.end), b.start);
        rank(self) > rank(other)
    }

    pub(super) fn offer(&mut self, level: u32, start: i64, end: i64) {
        let new = Self { level, start, end };
        if new.beats(self) {
            *self = new;
        }
    }
}

/// The best chain of `rows`, which are in the order of time.
pub(super) fn best(rows: &[Row], rules: &Rules) -> Best {
    if rules.once || rules.adjacent() {
        best_of_strict(rows, rules)
    } else {
        best_of_loose(rows, rules)
    }
}

/// Only times matter: what the rows of one time satisfy is one set.
fn best_of_loose(rows: &[Row], rules: &Rules) -> Best {
    let mut best = Best::NONE;
    let mut starts = Starts::default();
    let first = rows.first().map_or(0, |r| r.0);
    for (t, rows) in times(rows) {
        let mut any = any(rows) & low(rules.steps);
        if !rules.may_start(first, t) {
            any &= !1;
        }
        if rules.increase {
            // from the last step to the first: none sees what another one does now
            while any != 0 {
                let step = any.ilog2();
                any ^= 1 << step;
                starts.advance(step, t, rules.window, &mut best);
            }
        } else {
            while any != 0 {
                let step = any.trailing_zeros();
                any &= any - 1;
                starts.advance(step, t, rules.window, &mut best);
            }
        }
        if best.level == rules.steps {
            break;
        }
    }
    best
}

/// The latest start of the chains of each level.
#[derive(Debug, Clone)]
struct Starts {
    /// bit l − 1: there is a chain of level l
    alive: u64,
    latest: [i64; 64],
}

impl Default for Starts {
    fn default() -> Self {
        Self { alive: 0, latest: [0; 64] }
    }
}

impl Starts {
    fn of(&self, level: u32) -> Option<i64> {
        let slot = level.checked_sub(1)?;
        (self.alive >> slot & 1 == 1).then(|| self.latest.get(slot as usize).copied())?
    }

    fn set(&mut self, level: u32, start: i64) {
        let Some(slot) = level.checked_sub(1) else { return };
        if let Some(latest) = self.latest.get_mut(slot as usize) {
            *latest = if self.alive >> slot & 1 == 1 { start.max(*latest) } else { start };
            self.alive |= 1 << slot;
        }
    }

    /// Condition `step` + 1 is satisfied at `t`.
    #[inline]
    fn advance(&mut self, step: u32, t: i64, window: i64, best: &mut Best) {
        let start = if step == 0 { Some(t) } else { self.of(step) };
        if let Some(start) = start.filter(|&s| within(s, t, window)) {
            self.set(step + 1, start);
            best.offer(step + 1, start, t);
        }
    }
}

#[inline]
pub(super) fn within(start: i64, t: i64, window: i64) -> bool {
    t.saturating_sub(start) <= window
}

/// What lies between matters, or which row serves which step.
fn best_of_strict(rows: &[Row], rules: &Rules) -> Best {
    let mut best = Best::NONE;
    let mut before = Starts::default();
    let mut matching = Matching::default();
    let first = rows.first().map_or(0, |r| r.0);
    for (t, rows) in times(rows) {
        let mut after = Starts::default();
        let any = any(rows);
        for a in 0..rules.steps {
            let start = if a == 0 { rules.may_start(first, t).then_some(t) } else { before.of(a) };
            let Some(start) = start.filter(|&s| within(s, t, rules.window)) else { continue };
            for b in a..=matching.serve(rules, rows, any, a) {
                if b > a {
                    best.offer(b, start, t);
                }
                if b > 0 && matching.goes_on(rules, rows, a, b) {
                    after.set(b, start);
                }
            }
        }
        if best.level == rules.steps {
            break;
        }
        before = after;
    }
    best
}

/// The times of the best chain's steps: of all that are as long, complete as early and start as
/// late, the one whose second step is the earliest, then whose third step is, and so on.
pub(super) fn steps(rows: &[Row], rules: &Rules, out: &mut Vec<i64>) {
    out.clear();
    let best = best(rows, rules);
    let from = rows.partition_point(|r| r.0 < best.start);
    let to = rows.partition_point(|r| r.0 <= best.end);
    if best.level == 0 {
        return;
    }
    let rows = rows.get(from..to).unwrap_or_default();
    let groups: Vec<(i64, &[Row])> = times(rows).collect();
    let mut matching = Matching::default();
    // bit l of what is left of each time: from level l before it the chain can be completed
    let mut left = vec![0u128; groups.len() + 1];
    if let Some(end) = left.last_mut() {
        *end = 1 << best.level;
    }
    let mut after = 1u128 << best.level;
    for (i, (_, rows)) in groups.iter().enumerate().skip(1).rev() {
        let any = any(rows);
        let last = i + 1 == groups.len();
        let mut now = 0u128;
        for a in 1..best.level {
            let b = matching.serve(rules, rows, any, a).min(best.level);
            let completes = if last {
                b == best.level
            } else {
                (a..=b).any(|b| after >> b & 1 == 1 && matching.goes_on(rules, rows, a, b))
            };
            now |= u128::from(completes) << a;
        }
        if let Some(left) = left.get_mut(i) {
            *left = now;
        }
        after = now;
    }
    let mut a = 0;
    for (i, (t, rows)) in groups.iter().enumerate() {
        let last = i + 1 == groups.len();
        let can = left.get(i + 1).copied().unwrap_or_default();
        let b = matching.serve(rules, rows, any(rows), a).min(best.level);
        // as many steps as may be, so that each is as early as can be
        let b = (a..=b)
            .rev()
            .find(|&b| {
                let can = if last { b == best.level } else { can >> b & 1 == 1 };
                can && (last || matching.goes_on(rules, rows, a, b))
            })
            .unwrap_or(a);
        out.extend((a..b).map(|_| *t));
        a = b;
    }
}

/// The rows of each time.
pub(super) fn times(rows: &[Row]) -> impl Iterator<Item = (i64, &[Row])> {
    rows.chunk_by(|a, b| a.0 == b.0).filter_map(|rows| Some((rows.first()?.0, rows)))
}

/// What the rows satisfy together.
pub(super) fn any(rows: &[Row]) -> u64 {
    rows.iter().fold(0, |any, r| any | r.1)
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test data"
)]
mod tests;
