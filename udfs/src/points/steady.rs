//! Bounds that tell, cheaper than a search, that a series has no change at all.
//!
//! A search is exact but quadratic where nothing changes, and most customers do not change. Both
//! bounds look for the best segmentation of an easier problem, in which every segmentation costs at
//! most what it costs in the search. If even there no change pays its penalty, none does here.
//! They may fail to see that nothing changes; they never say so wrongly.

#![expect(clippy::indexing_slicing, reason = "the kernel: see the lengths where slices are made")]

use super::pelt::{Cost, Series};

/// What rounding may add up to, generously, relative to the terms that are added.
const SLACK: f64 = 1e-9;

/// Levels of a rate that are tried.
const LEVELS: usize = 16;

/// Whether events in `n` buckets have one rate. `cells` are the buckets that have events, rising
/// and below `n`, each with the number of events up to its end; segments are at least `min_size`
/// buckets long.
///
/// Up to what no change alters, a segment of m events in L buckets lowers the cost by
/// 2 (m ln(r/r₀) − L (r − r₀)) with r = m/L, r₀ the rate of the whole; any other r in its place
/// says less. So the first segment is taken exactly, and those after it with a rate of a few
/// levels, from that of a single event to that of the densest segment, at equal ratios: then the
/// best of all is found in one pass, level by level (Viterbi 1967). A segment's own rate is within
/// half a ratio of a level, which is worth 2 m (√ratio − 1 − ln(ratio)/2) at most.
///
/// The minimum length is forgotten but for the densest segment. Between a level and another, or the
/// first segment, the gain is convex in the place of the cut while no event passes it, so that only
/// places beside events matter.
pub(super) fn steady_rate(
    cells: &[(usize, usize)],
    n: usize,
    min_size: usize,
    penalty: f64,
    ln: impl Fn(usize) -> f64,
) -> bool {
    let Some(&(_, events)) = cells.last() else { return true };
    let (total, length) = (events as f64, n as f64);
    let whole = total / length;
    let ln_whole = ln(events) - ln(n);
    let most = densest(cells, min_size);
    let step = (most * length).ln() / LEVELS as f64;
    let half = (0.5 * step).exp();
    let inexact = 2.0 * total * (half - 1.0 - 0.5 * step);
    let limit = -inexact - SLACK * (1.0 + total) * (1.0 + length);
    // a change at the very end gains nothing
    if -penalty >= limit {
        return false;
    }
    // what a level gains with each event, and loses with each bucket
    let (mut event, mut bucket) = ([0.0; LEVELS], [0.0; LEVELS]);
    let (mut rate, mut ln_rate) = (half / length, 0.5 * step - ln(n));
    for (event, bucket) in event.iter_mut().zip(&mut bucket) {
        *event = 2.0 * (ln_rate - ln_whole);
        *bucket = 2.0 * (rate - whole);
        rate *= half * half;
        ln_rate += step;
    }
    let mut gains = [f64::NEG_INFINITY; LEVELS];
    // the level of a segment without events
    let mut silent = f64::NEG_INFINITY;
    // the best of all so far; at the beginning, a first segment of no length
    let mut best = 0.0;
    let (mut at, mut seen) = (0, 0);
    for &(next, upto) in cells {
        if next > at {
            let gap = (next - at) as f64;
            let change = best - penalty;
            for (gain, bucket) in gains.iter_mut().zip(&bucket) {
                *gain = max(*gain, change) - gap * bucket;
            }
            silent = max(silent, change) + 2.0 * gap * whole;
            at = next;
            best = max(silent, max(first(seen, at, whole, ln_whole, &ln), highest(&gains)));
        }
        let here = (upto - seen) as f64;
        let change = best - penalty;
        for ((gain, event), bucket) in gains.iter_mut().zip(&event).zip(&bucket) {
            *gain = max(*gain, change) + (here * event - bucket);
        }
        silent = f64::NEG_INFINITY;
        (at, seen) = (at + 1, upto);
        best = max(first(seen, at, whole, ln_whole, &ln), highest(&gains));
    }
    let gap = (n - at) as f64;
    let change = best - penalty;
    for (gain, bucket) in gains.iter_mut().zip(&bucket) {
        *gain = max(*gain, change) - gap * bucket;
    }
    silent = max(silent, change) + 2.0 * gap * whole;
    max(silent, highest(&gains)) < limit
}

/// What a first segment of `seen` events in `at` buckets gains.
fn first(seen: usize, at: usize, whole: f64, ln_whole: f64, ln: &impl Fn(usize) -> f64) -> f64 {
    let (events, length) = (seen as f64, at as f64);
    let information = if seen == 0 { 0.0 } else { events * (ln(seen) - ln(at) - ln_whole) };
    2.0 * (information - (events - length * whole))
}

/// The highest rate of a segment of at least `min_size` buckets, or more.
///
/// A longer segment falls into such of less than twice that length, one of which is as dense.
fn densest(cells: &[(usize, usize)], min_size: usize) -> f64 {
    let mut most = 0.0;
    let mut before = 0;
    for (i, &(from, upto)) in cells.iter().enumerate() {
        let end = from.saturating_add(2 * min_size);
        for &(to, upto) in cells[i..].iter().take_while(|c| c.0 < end) {
            most = max(most, (upto - before) as f64 / (to - from + 1).max(min_size) as f64);
        }
        before = upto;
    }
    most
}

/// Not `f64::max`: there is no NaN, and this is one instruction.
#[inline]
fn max(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline]
fn highest(values: &[f64; LEVELS]) -> f64 {
    let mut some = [f64::NEG_INFINITY; LEVELS / 4];
    for part in values.chunks_exact(LEVELS / 4) {
        for (most, &value) in some.iter_mut().zip(part) {
            *most = max(*most, value);
        }
    }
    some.iter().fold(f64::NEG_INFINITY, |a, &b| max(a, b))
}

/// At most ln(x), and close to it, of a positive number that is normal: the exponent, and a
/// polynomial of the rest (least error on 1 to 2, moved down by that error). Without a table or a
/// branch, so that the compiler can do several at once.
#[inline]
fn low_ln(x: f64) -> f64 {
    const ONE: u64 = 1.0f64.to_bits();
    // the bits of 2⁵², whose last bits are whole numbers
    const WHOLE: u64 = 4_503_599_627_370_496.0f64.to_bits();
    let bits = x.to_bits();
    let exponent = f64::from_bits((bits >> 52) | WHOLE) - (4_503_599_627_370_496.0 + 1023.0);
    let rest = f64::from_bits((bits & (u64::MAX >> 12)) | ONE);
    let ln_rest = ((0.109_690_8 * rest - 0.729_111_0) * rest + 2.112_644_65) * rest - 1.493_225_5;
    exponent * std::f64::consts::LN_2 + ln_rest
}

/// Tells whether levels have a change, on the memory of the series before.
#[derive(Debug, Clone, Default)]
pub(super) struct SteadyLevel {
    /// the best cost up to each place that may be a cut, or less
    best: Vec<f64>,
    /// the least of each is the best cost up to the next place
    costs: Vec<f64>,
    /// lengths from n down to 1, and one over each
    lengths: Vec<f64>,
    shares: Vec<f64>,
}

impl SteadyLevel {
    /// Whether a series has one level and variance: the search itself, by a cost without exact
    /// logarithms that is a little too low.
    pub(super) fn holds(&mut self, series: &Series, min_size: usize, penalty: f64) -> bool {
        let (n, floor) = (series.len(), series.floor());
        let (sum, square) = series.moments();
        let min_size = min_size.max(1);
        if n < 2 * min_size || !floor.is_normal() || !(1.0 / floor).is_normal() {
            return false;
        }
        let whole = series.cost(Cost::Normal, 0, n);
        let limit = whole + SLACK * (1.0 + n as f64) * (1.0 + whole.abs());
        self.lengths.clear();
        self.lengths.extend((1..=n).rev().map(|length| length as f64));
        self.shares.clear();
        self.shares.extend(self.lengths.iter().map(|length| 1.0 / length));
        self.best.clear();
        self.best.resize(n + 1, f64::INFINITY);
        self.best[0] = -penalty;
        let per_floor = 1.0 / floor;
        for to in (min_size..=n - min_size).chain([n]) {
            let (sum_to, square_to) = (sum[to], square[to]);
            let cost = |best: f64, sum: f64, square: f64, length: f64, share: f64| {
                let mean = (sum_to - sum) * share;
                let variance = (square_to - square) * share - mean * mean;
                let part = variance * per_floor;
                best + length * (low_ln(max(variance, floor)) + if part < 1.0 { part } else { 1.0 })
            };
            // lengths as seen from here
            let (lengths, shares) = (&self.lengths[n - to..], &self.shares[n - to..]);
            let mut least = f64::INFINITY;
            if to < n {
                least = cost(self.best[0], sum[0], square[0], lengths[0], shares[0]);
            }
            if to >= 2 * min_size {
                let cuts = min_size..to - min_size + 1;
                let sums = sum[cuts.clone()].iter().zip(&square[cuts.clone()]);
                let lengths = lengths[cuts.clone()].iter().zip(&shares[cuts.clone()]);
                self.costs.clear();
                self.costs.extend(
                    self.best[cuts]
                        .iter()
                        .zip(sums)
                        .zip(lengths)
                        .map(|((b, (s, q)), (l, h))| cost(*b, *s, *q, *l, *h)),
                );
                least = self.costs.iter().fold(least, |a, &b| if b < a { b } else { a });
            }
            self.best[to] = least + penalty;
        }
        self.best[n] > limit
    }
}

#[cfg(test)]
mod tests {
    use super::super::pelt::{Pelt, Penalty, poisson};
    use super::*;
    use proptest::prelude::*;

    /// What the search finds in a series of counts, with every place allowed, and what the bound says.
    fn rates(counts: &[usize], min_size: usize, penalty: f64) -> (usize, bool) {
        let mut upto = vec![0];
        let mut cells = vec![];
        for (i, &count) in counts.iter().enumerate() {
            upto.push(upto[i] + count);
            if count > 0 {
                cells.push((i, upto[i + 1]));
            }
        }
        let ends: Vec<usize> = (0..=counts.len()).collect();
        let cost = |a: usize, b: usize| poisson((upto[b] - upto[a]) as f64, (b - a) as f64);
        let found = Pelt::default().find(&ends, min_size, penalty, cost).len();
        let steady = steady_rate(&cells, counts.len(), min_size, penalty, |k| (k as f64).ln());
        (found, steady)
    }

    fn levels(values: &[f64], min_size: usize, penalty: f64) -> (usize, bool) {
        let mut series = Series::default();
        series.load(values);
        let penalty = series.penalty(Cost::Normal, Penalty::Fixed(penalty));
        let ends: Vec<usize> = (0..=values.len()).collect();
        let cost = |a, b| series.cost(Cost::Normal, a, b);
        let found = Pelt::default().find(&ends, min_size, penalty, cost).len();
        (found, SteadyLevel::default().holds(&series, min_size, penalty))
    }

    /// What [`low_ln`] is below a logarithm, at most.
    const LOW: f64 = 0.0009;

    #[test]
    fn a_low_logarithm_is_low_but_not_by_much() {
        for i in 1..200_000 {
            for x in [f64::from(i) / 100_000.0, f64::from(i) * 1e-200, f64::from(i) * 1e200] {
                let below = x.ln() - low_ln(x);
                assert!((0.0..LOW).contains(&below), "{x}: {below}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn what_is_called_steady_has_no_change(
            counts in proptest::collection::vec(
                prop_oneof![6 => Just(0usize), 3 => 1usize..2, 1 => 1usize..6], 1..70),
            quiet in 0usize..70,
            values in proptest::collection::vec(-2.0f64..2.0, 1..50),
            jump in (0usize..50, 0.0f64..4.0),
            min_size in 1usize..6,
            penalty in 0.0f64..14.0,
        ) {
            let mut counts = counts;
            counts.iter_mut().skip(quiet).for_each(|c| *c /= 2);
            if counts.len() >= 2 * min_size && counts.iter().any(|c| *c > 0) {
                let (found, steady) = rates(&counts, min_size, penalty);
                prop_assert!(!steady || found == 0, "{:?}", counts);
            }
            let mut values = values;
            values.iter_mut().skip(jump.0).for_each(|v| *v += jump.1);
            let (found, steady) = levels(&values, min_size, penalty);
            prop_assert!(!steady || found == 0, "{:?}", values);
        }
    }

    #[test]
    fn silence_at_the_beginning_is_seen() {
        let counts: Vec<usize> = (0..40).map(|i| usize::from(i >= 20)).collect();
        assert_eq!(rates(&counts, 4, 20.0), (1, false));
        // half of it is 2 · 20 · ln 2: a change gains no more
        assert_eq!(rates(&counts, 4, 29.0), (0, true));
    }

    #[test]
    fn most_of_what_has_no_change_is_called_steady() {
        let noise = |i: usize, k: usize| (i * 7919 + k * k * 104_729 + i * i * 31) % 1009;
        let (mut none, mut seen) = ([0; 2], [0; 2]);
        for k in 0..400 {
            let counts: Vec<usize> = (0..60).map(|i| usize::from(noise(i, k) < 250)).collect();
            let values: Vec<f64> = (0..20).map(|i| noise(i, k) as f64).collect();
            for (i, (found, steady)) in
                [rates(&counts, 4, 8.2), levels(&values, 4, 12.0)].into_iter().enumerate()
            {
                none[i] += usize::from(found == 0);
                seen[i] += usize::from(steady);
            }
        }
        assert!(none.iter().all(|n| *n > 100), "{none:?}");
        assert!(
            seen.iter().zip(&none).all(|(seen, none)| seen * 10 > none * 9),
            "{seen:?} {none:?}"
        );
    }
}
