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
mod tests {
    use super::*;

    /// Every chain, one by one, as the module defines them.
    struct Naive<'a> {
        rows: &'a [Row],
        rules: &'a Rules,
        best: Vec<i64>,
    }

    impl Naive<'_> {
        fn steps(rows: &[Row], rules: &Rules) -> Vec<i64> {
            let mut naive = Naive { rows, rules, best: vec![] };
            naive.extend(&mut vec![]);
            naive.best
        }

        fn extend(&mut self, chain: &mut Vec<usize>) {
            if chain.len() == self.rules.steps as usize {
                return;
            }
            for i in 0..self.rows.len() {
                if self.rows[i].1 >> chain.len() & 1 == 0 {
                    continue;
                }
                chain.push(i);
                if self.times_are_right(chain) {
                    if self.rest_is_allowed(chain) {
                        self.offer(chain);
                    }
                    self.extend(chain);
                }
                chain.pop();
            }
        }

        fn times_are_right(&self, chain: &[usize]) -> bool {
            let t = |i: usize| self.rows[i].0;
            let (first, last) = (chain[0], chain[chain.len() - 1]);
            let mut distinct = chain.to_vec();
            distinct.sort_unstable();
            distinct.dedup();
            t(last) - t(first) <= self.rules.window
                && (!self.rules.entry || t(first) == t(0))
                && chain.windows(2).all(|w| {
                    if self.rules.increase { t(w[0]) < t(w[1]) } else { t(w[0]) <= t(w[1]) }
                })
                && (!self.rules.once || distinct.len() == chain.len())
        }

        fn rest_is_allowed(&self, chain: &[usize]) -> bool {
            let t = |i: usize| self.rows[i].0;
            (0..self.rows.len()).all(|x| {
                if chain.contains(&x) || t(x) <= t(chain[0]) || t(x) >= t(chain[chain.len() - 1]) {
                    return true;
                }
                if self.rules.exclude && self.rows[x].1 & EXCLUDED != 0 {
                    return false;
                }
                let before = chain.iter().filter(|&&e| t(e) < t(x)).count();
                let until = chain.iter().filter(|&&e| t(e) <= t(x)).count();
                let has = |conditions: std::ops::Range<usize>| {
                    conditions.clone().any(|c| self.rows[x].1 >> c & 1 == 1)
                };
                let all = self.rules.steps as usize;
                (before..=until).any(|l| {
                    let unique = !self.rules.deduplication || !has(0..(l + 1).min(all));
                    let ordered = match self.rules.order {
                        None => true,
                        Some(Order::Strict) => has(0..l),
                        Some(Order::Fixed) => has(0..l) || !has(0..all),
                        Some(Order::Reentry) => has(0..all),
                    };
                    unique && ordered
                })
            })
        }

        fn offer(&mut self, chain: &[usize]) {
            let times: Vec<i64> = chain.iter().map(|&i| self.rows[i].0).collect();
            let key = |c: &[i64]| {
                (c.len(), -c.last().unwrap(), c[0], c.iter().map(|t| -t).collect::<Vec<_>>())
            };
            if self.best.is_empty() || key(&times) > key(&self.best) {
                self.best = times;
            }
        }
    }

    fn every_rules(steps: u32, window: i64) -> Vec<Rules> {
        let orders = [None, Some(Order::Strict), Some(Order::Fixed), Some(Order::Reentry)];
        let flags = [false, true];
        let mut all = vec![];
        for increase in flags {
            for once in flags {
                for deduplication in flags {
                    for order in orders {
                        for exclude in flags {
                            all.push(Rules {
                                steps,
                                window,
                                increase,
                                once,
                                deduplication,
                                order,
                                exclude,
                                entry: false,
                            });
                        }
                    }
                }
            }
        }
        all
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % n
        }
    }

    /// Up to 7 rows at few times, most of one condition, some of several or none.
    fn log(random: &mut Random, steps: u32) -> Vec<Row> {
        let n = random.below(8);
        let times = 1 + random.below(8);
        let mut rows: Vec<Row> = (0..n)
            .map(|_| {
                let one = 1 << random.below(u64::from(steps));
                let mask = match random.below(6) {
                    0 => random.below(1 << steps),
                    1 => one | 1 << random.below(u64::from(steps)),
                    2 if random.below(2) == 0 => 0,
                    _ => one,
                };
                let excluded = if random.below(8) == 0 { EXCLUDED } else { 0 };
                (random.below(times) as i64, mask | excluded)
            })
            .collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn level_and_steps_are_those_of_the_definition_in_every_mode() {
        let mut random = Random(1);
        let mut out = vec![];
        let mut seen = [0usize; 5];
        for _ in 0..20_000 {
            let steps = 1 + random.below(4) as u32;
            let rows = log(&mut random, steps);
            let window = random.below(8) as i64;
            let entry = random.below(3) == 0;
            for rules in every_rules(steps, window) {
                let rules = Rules { entry, ..rules };
                let marked = if rules.exclude { u64::MAX } else { !EXCLUDED };
                let rows: Vec<Row> = rows.iter().map(|r| (r.0, r.1 & marked)).collect();
                let want = Naive::steps(&rows, &rules);
                super::steps(&rows, &rules, &mut out);
                assert_eq!(out, want, "{rules:?} {rows:?}");
                assert_eq!(best(&rows, &rules).level as usize, want.len(), "{rules:?} {rows:?}");
                seen[want.len()] += 1;
            }
        }
        assert!(seen.iter().all(|&n| n > 5_000), "{seen:?}");
    }

    #[test]
    fn a_longer_window_never_lowers_the_level() {
        let mut random = Random(2);
        let (mut rose, mut kept) = (0, 0);
        for _ in 0..5_000 {
            let steps = 1 + random.below(5) as u32;
            let rows = log(&mut random, steps);
            for rules in every_rules(steps, 0) {
                let levels: Vec<u32> =
                    (0..9).map(|window| best(&rows, &Rules { window, ..rules }).level).collect();
                assert!(levels.is_sorted(), "{levels:?} {rules:?} {rows:?}");
                rose += usize::from(levels.first() < levels.last());
                kept += usize::from(levels.first() == levels.last());
            }
        }
        assert!(rose > 25_000 && kept > 25_000, "{rose} {kept}");
    }

    const LOOSE: Rules = Rules {
        steps: 4,
        window: 100_000,
        increase: false,
        once: false,
        deduplication: false,
        order: None,
        exclude: false,
        entry: false,
    };

    /// One row a letter, a second apart: a is the first condition, b the second, …; others none.
    fn word(letters: &str, apart: i64) -> Vec<Row> {
        let bit = |l: u8| if l.is_ascii_lowercase() { 1 << (l - b'a') } else { 0 };
        letters.bytes().enumerate().map(|(i, l)| (i as i64 * apart, bit(l))).collect()
    }

    fn level(rows: &[Row], rules: Rules) -> u32 {
        best(rows, &rules).level
    }

    #[test]
    fn a_row_that_repeats_a_step_does_not_spoil_it_for_strict_increase() {
        // ClickHouse #52844
        let rows: Vec<Row> =
            [(1, 1), (2, 2), (2, 3), (2, 4), (3, 2), (3, 3), (3, 4), (4, 2), (4, 3), (4, 4)]
                .map(|(t, c)| (t, 1 << (c - 1)))
                .to_vec();
        assert_eq!(level(&rows, Rules { increase: true, ..LOOSE }), 4);
        let rows = [(2, 1), (3, 1), (3, 2)];
        let rules = Rules { steps: 2, window: 2, increase: true, ..LOOSE };
        assert_eq!(level(&rows, rules), 2);
        let rows = [(100, 7), (100, 7), (300, 7)];
        assert_eq!(level(&rows, Rules { steps: 3, increase: true, ..LOOSE }), 2);
    }

    #[test]
    fn one_row_serves_two_steps_unless_once() {
        let rules = Rules { steps: 2, ..LOOSE };
        assert_eq!(level(&[(1, 3)], rules), 2);
        assert_eq!(level(&[(1, 3)], Rules { once: true, ..rules }), 1);
        // Hologres: the chain c1, c1, c1 over c1, c2, c1, c3
        let rows = [(0, 0b111), (1, 0), (2, 0b111), (3, 0)];
        assert_eq!(level(&rows, Rules { steps: 3, once: true, ..LOOSE }), 2);
    }

    #[test]
    fn every_start_is_tried_where_what_lies_between_matters() {
        let deduplication = Rules { steps: 3, deduplication: true, ..LOOSE };
        assert_eq!(level(&word("abbabc", 1), deduplication), 3);
        let strict = Rules { steps: 3, order: Some(Order::Strict), ..LOOSE };
        assert_eq!(level(&word("acabc", 1), strict), 3);
        // #37177: install, start, login, install, start, install, start, login, end
        let rows = word("abcababcd", 5);
        let rules = Rules { window: 60, ..LOOSE };
        assert_eq!(level(&rows, rules), 4);
        assert_eq!(level(&rows, Rules { deduplication: true, ..rules }), 4);
        // #36256: A 0, B 600, D 1800, B 2400 of A, B, C, D
        let rows = [(0, 1), (600, 2), (1800, 8), (2400, 2)];
        let rules = Rules { window: 1800, ..LOOSE };
        assert_eq!(level(&rows, rules), 2);
        assert_eq!(level(&rows, Rules { deduplication: true, ..rules }), 2);
        assert_eq!(level(&rows, Rules { order: Some(Order::Strict), ..rules }), 2);
    }

    #[test]
    fn a_row_between_the_steps_is_what_tells_the_orders_apart() {
        let rules = |order| Rules { steps: 3, order, ..LOOSE };
        let levels = |letters| {
            [None, Some(Order::Reentry), Some(Order::Fixed), Some(Order::Strict)]
                .map(|o| level(&word(letters, 1), rules(o)))
        };
        assert_eq!(levels("abc"), [3, 3, 3, 3]);
        assert_eq!(levels("abbc"), [3, 3, 3, 3], "a repeat is no other event");
        assert_eq!(levels("abXc"), [3, 2, 3, 2], "an event that is no step");
        assert_eq!(levels("acbc"), [3, 3, 1, 1], "a step that comes early");
        // StarRocks: browse, click, pay, order of browse, click, order, pay
        let rows = word("abdc", 1);
        assert_eq!(level(&rows, LOOSE), 3);
        assert_eq!(level(&rows, Rules { order: Some(Order::Strict), ..LOOSE }), 2);
        // Doris: login, visit, another login, order, pay
        let rows = word("abXcd", 1);
        assert_eq!(level(&rows, Rules { order: Some(Order::Strict), ..LOOSE }), 2);
        assert_eq!(level(&rows, Rules { order: Some(Order::Fixed), ..LOOSE }), 4);
    }

    #[test]
    fn the_window_holds_its_end_and_times_at_the_limits_of_the_range_do_no_harm() {
        let rules = Rules { steps: 2, window: 10, ..LOOSE };
        assert_eq!(level(&[(0, 1), (10, 2)], rules), 2);
        assert_eq!(level(&[(0, 1), (11, 2)], rules), 1);
        assert_eq!(level(&[(i64::MIN, 1), (i64::MAX, 2)], rules), 1);
        assert_eq!(level(&[], rules), 0);
    }

    #[test]
    fn sixty_four_steps_and_thousands_of_rows_at_one_time() {
        let rows = vec![(0, u64::MAX); 5_000];
        for rules in every_rules(64, 1).into_iter().filter(|r| !r.exclude) {
            let want = if rules.increase { 1 } else { 64 };
            assert_eq!(level(&rows, rules), want, "{rules:?}");
            let mut out = vec![];
            steps(&rows, &rules, &mut out);
            assert_eq!(out.len(), want as usize);
        }
    }
}
