//! Where a series changes its level: exact optimal partitioning by PELT, and binary segmentation.
//!
//! PELT (Killick, Fearnhead and Eckley, 2012) minimises the sum of the costs of the segments plus a
//! penalty for each change, exactly, and drops candidates that can never be best. A minimum length
//! delays that: a candidate found inferior at `t` may still be best before `t + min_size`, where
//! no change at `t` is allowed yet. O(n) for many changes, O(n²) at worst; O(n) memory, reused.

#![expect(
    clippy::indexing_slicing,
    reason = "the kernel: every index is below a length checked at its start"
)]

/// Cost of a segment of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// squared deviation from the mean
    L2,
    /// twice the negative log-likelihood of counts with one rate
    Poisson,
    /// twice the negative log-likelihood of normal values with one mean and variance
    Normal,
}

impl Cost {
    pub(crate) const NAMES: [(&'static str, Self); 3] =
        [("l2", Self::L2), ("poisson", Self::Poisson), ("normal", Self::Normal)];

    /// Parameters that one more segment adds: its beginning, and what it is described by.
    const fn parameters(self) -> f64 {
        match self {
            Self::L2 | Self::Poisson => 2.0,
            Self::Normal => 3.0,
        }
    }
}

/// What one more change must gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Penalty {
    /// parameters · ln n; for squared deviations times their variance
    Bic,
    Fixed(f64),
}

/// A series with the cost of each of its segments in O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct Series {
    /// of the values as they are: exact for counts
    total: Vec<f64>,
    /// of deviations from the mean: no cancellation of large means
    sum: Vec<f64>,
    square: Vec<f64>,
    floor: f64,
    noise: f64,
}

/// A normal segment is not credited with less than this part of the whole series' variance:
/// equal values would be infinitely likely.
const VARIANCE_FLOOR: f64 = 1e-2;

impl Series {
    /// Takes a series in, and forgets the one before.
    pub(crate) fn load(&mut self, values: &[f64]) {
        let n = values.len().max(1) as f64;
        let centre = values.iter().sum::<f64>() / n;
        for sums in [&mut self.total, &mut self.sum, &mut self.square] {
            sums.clear();
            sums.push(0.0);
        }
        let (mut total, mut sum, mut square) = (0.0, 0.0, 0.0);
        for v in values {
            let d = v - centre;
            total += v;
            sum += d;
            square += d * d;
            self.total.push(total);
            self.sum.push(sum);
            self.square.push(square);
        }
        self.floor = VARIANCE_FLOOR * square / n;
        // half the mean squared step (von Neumann 1941): a few changes of level hardly touch it
        let steps: f64 = values.windows(2).map(|w| (w[1] - w[0]) * (w[1] - w[0])).sum();
        self.noise = steps / (2.0 * (n - 1.0).max(1.0));
    }

    pub(crate) fn len(&self) -> usize {
        self.sum.len().saturating_sub(1)
    }

    /// The mean of `from..to`.
    pub(crate) fn mean(&self, from: usize, to: usize) -> f64 {
        (self.total[to] - self.total[from]) / (to - from).max(1) as f64
    }

    fn l2(&self, from: usize, to: usize) -> f64 {
        let s = self.sum[to] - self.sum[from];
        (self.square[to] - self.square[from] - s * s / (to - from) as f64).max(0.0)
    }

    pub(crate) fn cost(&self, cost: Cost, from: usize, to: usize) -> f64 {
        let n = (to - from) as f64;
        match cost {
            Cost::L2 => self.l2(from, to),
            Cost::Poisson => poisson(self.total[to] - self.total[from], n),
            Cost::Normal => {
                let variance = self.l2(from, to) / n;
                let v = variance.max(self.floor);
                // a floor that is met in full keeps this a likelihood, so that splitting never costs
                n * v.ln() + n * variance / v
            }
        }
    }

    /// The sums of deviations from the mean and of their squares, before each place.
    pub(super) fn moments(&self) -> (&[f64], &[f64]) {
        (&self.sum, &self.square)
    }

    /// The least variance that a normal segment is credited with.
    pub(super) fn floor(&self) -> f64 {
        self.floor
    }

    /// What one more change must gain.
    pub(crate) fn penalty(&self, cost: Cost, penalty: Penalty) -> f64 {
        match penalty {
            Penalty::Fixed(p) => p,
            Penalty::Bic => {
                let scale = if cost == Cost::L2 { self.noise } else { 1.0 };
                cost.parameters() * (self.len().max(1) as f64).ln() * scale
            }
        }
    }

    /// Whether all values are one: there is nothing to find, whatever the penalty.
    pub(crate) fn is_constant(&self) -> bool {
        self.noise == 0.0
    }
}

/// Twice the negative log-likelihood of `total` events in `n` units, but for what no split changes.
pub(crate) fn poisson(total: f64, n: f64) -> f64 {
    // a sum of counts that rounding left beside 0
    if total <= 1e-9 { 0.0 } else { -2.0 * total * (total / n).ln() }
}

/// PELT over chosen positions, with its memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pelt {
    best: Vec<f64>,
    back: Vec<usize>,
    /// candidates for the last change, as places in `ends`
    open: Vec<usize>,
    /// the position from which each candidate is out
    out: Vec<usize>,
    /// the cost with each candidate
    values: Vec<f64>,
    breaks: Vec<usize>,
}

impl Pelt {
    /// The best cuts, as places in `ends`, which are the positions a cut may have: rising, the
    /// first the beginning of the series and the last its end. Each segment is at least `min_size`
    /// long. `cost` takes places in `ends` too. The trivial ends are not returned.
    pub(crate) fn find(
        &mut self,
        ends: &[usize],
        min_size: usize,
        penalty: f64,
        cost: impl Fn(usize, usize) -> f64,
    ) -> &[usize] {
        self.breaks.clear();
        let min_size = min_size.max(1);
        let (Some(&start), Some(&stop)) = (ends.first(), ends.last()) else { return &[] };
        if stop - start < 2 * min_size {
            return &[];
        }
        self.best.clear();
        self.best.resize(ends.len(), f64::INFINITY);
        self.back.clear();
        self.back.resize(ends.len(), 0);
        self.best[0] = -penalty;
        self.open.clear();
        self.open.push(0);
        self.out.clear();
        self.out.push(usize::MAX);
        // no candidate is out before
        let mut next_out = usize::MAX;
        // candidates enter once they are min_size old
        let mut entering = 1;
        for (i, &t) in ends.iter().enumerate().skip(1) {
            // no cut but the end itself can stand there
            if t < start + min_size || (t > stop - min_size && t < stop) {
                continue;
            }
            while entering < i && ends[entering] + min_size <= t {
                if self.best[entering].is_finite() {
                    self.open.push(entering);
                    self.out.push(usize::MAX);
                }
                entering += 1;
            }
            if next_out <= t {
                let mut out = self.out.iter();
                self.open.retain(|_| out.next().is_some_and(|&out| out > t));
                self.out.retain(|&out| out > t);
                next_out = self.out.iter().copied().min().unwrap_or(usize::MAX);
            }
            let (mut least, mut from) = (f64::INFINITY, 0);
            self.values.clear();
            for &s in &self.open {
                let value = self.best[s] + cost(s, i);
                if value < least {
                    (least, from) = (value, s);
                }
                self.values.push(value);
            }
            least += penalty;
            self.best[i] = least;
            self.back[i] = from;
            let limit = t + min_size;
            for (out, &value) in self.out.iter_mut().zip(&self.values) {
                if value > least {
                    *out = (*out).min(limit);
                    next_out = next_out.min(limit);
                }
            }
        }
        let mut at = ends.len() - 1;
        while self.back[at] != 0 {
            at = self.back[at];
            self.breaks.push(at);
        }
        self.breaks.reverse();
        &self.breaks
    }
}

/// Binary segmentation: the best single cut, and again in both halves. Fast and approximate.
pub(crate) fn binary_segmentation(
    n: usize,
    min_size: usize,
    penalty: f64,
    cost: impl Fn(usize, usize) -> f64,
) -> Vec<usize> {
    let min_size = min_size.max(1);
    let mut breaks = vec![];
    let mut todo = vec![(0, n)];
    while let Some((from, to)) = todo.pop() {
        if to - from < 2 * min_size {
            continue;
        }
        let whole = cost(from, to);
        let (mut most, mut at) = (penalty, None);
        for t in from + min_size..=to - min_size {
            let gain = whole - cost(from, t) - cost(t, to);
            if gain > most {
                (most, at) = (gain, Some(t));
            }
        }
        if let Some(t) = at {
            breaks.push(t);
            todo.extend([(from, t), (t, to)]);
        }
    }
    breaks.sort_unstable();
    breaks
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "test data")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn pelt(
        values: &[f64],
        cost: Cost,
        penalty: Penalty,
        min_size: usize,
    ) -> Vec<usize> {
        let mut series = Series::default();
        series.load(values);
        let ends: Vec<usize> = (0..=values.len()).collect();
        let p = series.penalty(cost, penalty);
        Pelt::default().find(&ends, min_size, p, |a, b| series.cost(cost, a, b)).to_vec()
    }

    /// Optimal partitioning by its definition, without pruning: the least penalised cost.
    fn twin(series: &Series, cost: Cost, penalty: f64, min_size: usize) -> f64 {
        let n = series.len();
        let mut best = vec![f64::INFINITY; n + 1];
        best[0] = -penalty;
        for t in min_size..=n {
            for s in 0..=t - min_size {
                best[t] = best[t].min(best[s] + series.cost(cost, s, t) + penalty);
            }
        }
        best[n]
    }

    fn total(series: &Series, cost: Cost, penalty: f64, breaks: &[usize]) -> f64 {
        let mut at = 0;
        let mut sum = 0.0;
        for &b in breaks.iter().chain([&series.len()]) {
            sum += series.cost(cost, at, b);
            at = b;
        }
        sum + penalty * breaks.len() as f64
    }

    fn column(text: &str, at: usize) -> Vec<f64> {
        text.lines()
            .skip(1)
            .map(|l| l.split(',').nth(at).unwrap().trim().parse().unwrap())
            .collect()
    }

    #[test]
    fn the_nile_changes_once_after_1898() {
        let nile = column(include_str!("../../testdata/nile.csv"), 1);
        let mut series = Series::default();
        series.load(&nile);
        assert_eq!(pelt(&nile, Cost::L2, Penalty::Bic, 2), [28]);
        assert_eq!(
            binary_segmentation(100, 2, series.penalty(Cost::L2, Penalty::Bic), |a, b| series
                .cost(Cost::L2, a, b)),
            [28]
        );
        assert!((series.mean(0, 28) - 1097.75).abs() < 1e-9);
        assert!((series.mean(28, 100) - 849.972_222_222).abs() < 1e-9);
        assert!((series.cost(Cost::L2, 0, 100) - 2_835_156.75).abs() < 1e-6);
        let split = series.cost(Cost::L2, 0, 28) + series.cost(Cost::L2, 28, 100);
        assert!((split - 1_597_457.194).abs() < 1e-3);
    }

    #[test]
    fn planted_changes_are_found_exactly() {
        let levels = [(12, 3.0), (20, 9.0), (7, 1.0), (30, 4.0)];
        let clean: Vec<f64> = levels.iter().flat_map(|&(n, v)| vec![v; n]).collect();
        for (_, cost) in Cost::NAMES {
            assert_eq!(pelt(&clean, cost, Penalty::Bic, 2), [12, 32, 39], "{cost:?}");
        }
        for (_, cost) in Cost::NAMES {
            assert_eq!(pelt(&[5.0; 40], cost, Penalty::Bic, 2), [0; 0], "{cost:?}");
            assert_eq!(pelt(&[5.0, 9.0, 9.0], cost, Penalty::Bic, 2), [0; 0], "{cost:?}");
            assert_eq!(pelt(&[], cost, Penalty::Bic, 2), [0; 0], "{cost:?}");
        }
    }

    #[test]
    fn a_quiet_half_and_a_loud_half_differ_for_the_normal_cost_only() {
        let noise = |i: usize| ((i * 7919 + 13) % 101) as f64 / 50.0 - 1.0;
        let series: Vec<f64> =
            (0..80).map(|i| 10.0 + noise(i) * if i < 40 { 0.5 } else { 5.0 }).collect();
        assert_eq!(pelt(&series, Cost::L2, Penalty::Bic, 4), [0; 0]);
        let found = pelt(&series, Cost::Normal, Penalty::Bic, 4);
        assert!(found.len() == 1 && found[0].abs_diff(40) <= 2, "{found:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(65_536))]

        #[test]
        fn pruning_and_minimum_length_lose_nothing(
            values in proptest::collection::vec(0u8..6, 0..24),
            min_size in 1usize..5,
            penalty in 0.01f64..8.0,
            cost in proptest::sample::select(vec![Cost::L2, Cost::Poisson, Cost::Normal]),
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let mut series = Series::default();
            series.load(&values);
            if !series.is_constant() && values.len() >= 2 * min_size {
                let breaks = pelt(&values, cost, Penalty::Fixed(penalty), min_size);
                let got = total(&series, cost, penalty, &breaks);
                let want = twin(&series, cost, penalty, min_size);
                prop_assert!((got - want).abs() < 1e-9 * (1.0 + want.abs()), "{breaks:?}: {got} {want}");
                let mut at = 0;
                for &b in breaks.iter().chain([&values.len()]) {
                    prop_assert!(b - at >= min_size);
                    at = b;
                }
            }
        }
    }
}
