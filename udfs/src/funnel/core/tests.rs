//! Levels and steps against their definition.

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
            && chain
                .windows(2)
                .all(|w| if self.rules.increase { t(w[0]) < t(w[1]) } else { t(w[0]) <= t(w[1]) })
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
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
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
