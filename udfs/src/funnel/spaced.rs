//! Funnels whose steps have limits of their own: each no later than so long after the one before.
//!
//! Chains are those of [`core`](super::core) by loose rules (any rows may lie between, one row may
//! serve several steps), with `time(ek+1) <= time(ek) + gaps[k - 1]` for each step that has a gap. The
//! chain that counts is chosen as there. One pass over the times: of the chains of a level those
//! matter that no other one both starts and ends after; they rise in their ends and fall in their
//! starts, and who is too old for the next step leaves for good. O(n · N).

use std::collections::VecDeque;

use super::core::{Best, Row, Rules, any, low, times, within};

/// The limit of the step after step `level`.
fn gap(gaps: &[i64], level: usize) -> i64 {
    level.checked_sub(1).and_then(|k| gaps.get(k)).copied().unwrap_or(i64::MAX)
}

/// The best chain of `rows`, which are in the order of time.
pub(super) fn best(rows: &[Row], rules: &Rules, gaps: &[i64]) -> Best {
    let mut best = Best::NONE;
    // for each level (end, start) of its chains
    let mut chains: Vec<VecDeque<(i64, i64)>> = vec![];
    let first = rows.first().map_or(0, |r| r.0);
    for (t, rows) in times(rows) {
        let mut any = any(rows) & low(rules.steps);
        while any != 0 {
            let step = any.trailing_zeros();
            any &= any - 1;
            let level = step as usize;
            let start = match level.checked_sub(1) {
                None => rules.may_start(first, t).then_some(t),
                Some(before) => chains.get_mut(before).and_then(|before| {
                    while before.front().is_some_and(|c| !within(c.0, t, gap(gaps, level))) {
                        before.pop_front();
                    }
                    before.front().map(|c| c.1)
                }),
            };
            let Some(start) = start.filter(|&s| within(s, t, rules.window)) else { continue };
            if chains.len() <= level {
                chains.resize_with(level + 1, VecDeque::new);
            }
            if let Some(own) = chains.get_mut(level) {
                while own.back().is_some_and(|c| c.1 <= start) {
                    own.pop_back();
                }
                own.push_back((t, start));
            }
            best.offer(step + 1, start, t);
        }
    }
    best
}

/// The times of the best chain's steps, chosen as [`core::steps`](super::core::steps) does.
pub(super) fn steps(rows: &[Row], rules: &Rules, gaps: &[i64], out: &mut Vec<i64>) {
    out.clear();
    let best = best(rows, rules, gaps);
    let from = rows.partition_point(|r| r.0 < best.start);
    let to = rows.partition_point(|r| r.0 <= best.end);
    if best.level == 0 {
        return;
    }
    let groups: Vec<(i64, u64)> =
        times(rows.get(from..to).unwrap_or_default()).map(|(t, rows)| (t, any(rows))).collect();
    let levels = best.level as usize;
    // for each level the times at which its step can be taken and the rest come after it, from the
    // last level to the first; the last step is taken at the end
    let mut completing: Vec<Vec<i64>> = vec![vec![best.end]];
    for level in (1..levels).rev() {
        let after = completing.last().map(Vec::as_slice).unwrap_or_default();
        let goes_on = |t: i64| {
            after
                .get(after.partition_point(|&next| next < t))
                .is_some_and(|&next| within(t, next, gap(gaps, level)))
        };
        let satisfied = groups.iter().filter(|g| g.1 >> (level - 1) & 1 == 1).map(|g| g.0);
        completing.push(satisfied.filter(|&t| goes_on(t)).collect());
    }
    let mut before = best.start;
    for times in completing.iter().rev() {
        // as early as can be, but for the first, which is at the start
        let Some(&t) = times.get(times.partition_point(|&t| t < before)) else { return };
        out.push(t);
        before = t;
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_wrap, reason = "test data")]
mod tests {
    use super::*;

    /// Every chain, one by one.
    fn naive(rows: &[Row], rules: &Rules, gaps: &[i64]) -> Vec<i64> {
        fn extend(
            rows: &[Row],
            rules: &Rules,
            gaps: &[i64],
            chain: &mut Vec<i64>,
            best: &mut Vec<i64>,
        ) {
            let key = |c: &[i64]| {
                let times = c.iter().map(|t| -t).collect::<Vec<_>>();
                (c.len(), c.last().map(|t| -t), c.first().copied(), times)
            };
            if key(chain) > key(best) {
                best.clone_from(chain);
            }
            let k = chain.len();
            for &(t, mask) in rows {
                let fits = match (chain.first(), chain.last()) {
                    (Some(start), Some(last)) => {
                        t >= *last
                            && t - start <= rules.window
                            && gaps.get(k - 1).is_none_or(|gap| t - last <= *gap)
                    }
                    _ => !rules.entry || t == rows[0].0,
                };
                if k < rules.steps as usize && mask >> k & 1 == 1 && fits {
                    chain.push(t);
                    extend(rows, rules, gaps, chain, best);
                    chain.pop();
                }
            }
        }
        let mut best = vec![];
        extend(rows, rules, gaps, &mut vec![], &mut best);
        best
    }

    #[test]
    fn steps_are_those_of_the_definition() {
        let mut state = 7u64;
        let mut below = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let mut out = vec![];
        let mut seen = [0usize; 6];
        let mut differs = 0;
        for _ in 0..40_000 {
            let steps = 1 + below(5);
            let until = 1 + below(12);
            let mut rows: Vec<Row> = (0..below(10))
                .map(|_| {
                    let twice = 1 << below(steps) | 1 << below(steps);
                    let mask = if below(4) == 0 { twice } else { 1 << below(steps) };
                    (below(until) as i64, mask)
                })
                .collect();
            rows.sort_unstable();
            let rules = Rules {
                steps: u32::try_from(steps).unwrap(),
                window: below(14) as i64,
                increase: false,
                once: false,
                deduplication: false,
                order: None,
                exclude: false,
                entry: below(3) == 0,
            };
            // some have no limit, some steps more limits than there are steps
            let gaps: Vec<i64> = (0..below(5))
                .map(|_| if below(5) == 0 { i64::MAX } else { below(6) as i64 })
                .collect();
            let want = naive(&rows, &rules, &gaps);
            super::steps(&rows, &rules, &gaps, &mut out);
            assert_eq!(out, want, "{rules:?} {gaps:?} {rows:?}");
            let level = super::best(&rows, &rules, &gaps).level;
            assert_eq!(level as usize, want.len(), "{rules:?} {gaps:?} {rows:?}");
            differs += usize::from(super::super::core::best(&rows, &rules).level != level);
            seen[want.len()] += 1;
        }
        assert!(seen.iter().all(|&n| n > 300) && differs > 1_000, "{seen:?} {differs}");
    }
}
