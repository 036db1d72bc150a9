//! Changes of one customer's purchase rate and order value, on the memory of the customer before.

#![expect(clippy::indexing_slicing, reason = "the kernel: places come from the lists they index")]

use super::pelt::{Cost, Pelt, Penalty, Series, poisson};
use super::steady::{SteadyLevel, steady_rate};

/// A change of level at a position: levels before and after, and the gain beyond the penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    pub at: usize,
    pub before: f64,
    pub after: f64,
    pub score: f64,
}

/// Logarithms up to this are looked up.
const TABLE: usize = 4096;

/// Finds changes, and keeps its memory from one customer to the next.
#[derive(Debug, Clone)]
pub(super) struct Changes {
    ln: Vec<f64>,
    /// positions a change may have, and the events before each
    ends: Vec<usize>,
    counts: Vec<usize>,
    /// buckets with events, and the events up to the end of each
    cells: Vec<(usize, usize)>,
    logs: Vec<f64>,
    steady: SteadyLevel,
    series: Series,
    pelt: Pelt,
}

impl Default for Changes {
    fn default() -> Self {
        let ln = (0..TABLE).map(|i| (i as f64).ln()).collect();
        let (ends, counts, cells, logs, steady, series, pelt) = Default::default();
        Self { ln, ends, counts, cells, logs, steady, series, pelt }
    }
}

impl Changes {
    /// Changes of the rate of events in `n` buckets, most of them empty; `buckets` are those of the
    /// events, rising. The optimum over all positions, though only some are tried.
    ///
    /// Moving a cut between empty buckets changes the cost as a concave function, so a best cut
    /// stands beside an event, or a segment that holds an event is exactly `min_size` long and
    /// ends there: nearer to that event than `min_size`. A segment without events is best as long
    /// as it can be, and so does not push its cuts further.
    pub(super) fn of_rate(
        &mut self,
        buckets: &[usize],
        n: usize,
        min_size: usize,
        penalty: Penalty,
        mut found: impl FnMut(Change),
    ) {
        let total = buckets.iter().take_while(|&&b| b < n).count();
        let buckets = &buckets[..total];
        if min_size == 0 || n < 2 * min_size || total == 0 {
            return;
        }
        let penalty = match penalty {
            Penalty::Bic => 2.0 * (n as f64).ln(),
            Penalty::Fixed(p) => p,
        };
        let table = &self.ln;
        let ln = |k: usize| table.get(k).copied().unwrap_or_else(|| (k as f64).ln());
        self.cells.clear();
        for (i, &bucket) in buckets.iter().enumerate() {
            match self.cells.last_mut().filter(|c| c.0 == bucket) {
                Some(cell) => cell.1 = i + 1,
                None => self.cells.push((bucket, i + 1)),
            }
        }
        if steady_rate(&self.cells, n, min_size, penalty, ln) {
            return;
        }
        let reach = min_size - 1;
        self.ends.clear();
        self.counts.clear();
        self.ends.push(0);
        let mut next = 1;
        for &b in buckets {
            for at in next.max(b.saturating_sub(reach))..=(b + 1 + reach).min(n) {
                self.ends.push(at);
                next = at + 1;
            }
        }
        if next <= n {
            self.ends.push(n);
        }
        let mut seen = 0;
        for &end in &self.ends {
            while seen < total && buckets[seen] < end {
                seen += 1;
            }
            self.counts.push(seen);
        }
        let (ends, counts, ln) = (&self.ends, &self.counts, &self.ln);
        let cost = |a: usize, b: usize| {
            let (events, length) = (counts[b] - counts[a], ends[b] - ends[a]);
            if events == 0 {
                0.0
            } else if events < TABLE && length < TABLE {
                2.0 * events as f64 * (ln[length] - ln[events])
            } else {
                poisson(events as f64, length as f64)
            }
        };
        let rate = |a: usize, b: usize| (counts[b] - counts[a]) as f64 / (ends[b] - ends[a]) as f64;
        let breaks = self.pelt.find(ends, min_size, penalty, cost);
        let mut from = 0;
        for (i, &at) in breaks.iter().enumerate() {
            let to = breaks.get(i + 1).copied().unwrap_or(ends.len() - 1);
            found(Change {
                at: ends[at],
                before: rate(from, at),
                after: rate(at, to),
                score: cost(from, to) - cost(from, at) - cost(at, to) - penalty,
            });
            from = at;
        }
    }

    /// Changes of the level of positive amounts, one after the other.
    ///
    /// On their logarithms: amounts vary by factors, and a normal cost takes the long tail of
    /// amounts as they are for changes. The penalty counts one parameter more than a segment has:
    /// few values make the variance of a short segment small by chance. On lognormal amounts
    /// without a change, 6 % of customers get one all the same, instead of 20 to 60 %.
    pub(super) fn of_value(
        &mut self,
        values: &[f64],
        min_size: usize,
        penalty: Penalty,
        mut found: impl FnMut(Change),
    ) {
        if values.len() < 2 * min_size {
            return;
        }
        self.logs.clear();
        self.logs.extend(values.iter().map(|v| v.ln()));
        self.series.load(&self.logs);
        if self.series.is_constant() {
            return;
        }
        let penalty = match penalty {
            Penalty::Bic => 4.0 * (values.len() as f64).ln(),
            Penalty::Fixed(p) => p,
        };
        if self.steady.holds(&self.series, min_size, penalty) {
            return;
        }
        let mean = |a: usize, b: usize| values[a..b].iter().sum::<f64>() / (b - a) as f64;
        self.ends.clear();
        self.ends.extend(0..=values.len());
        let series = &self.series;
        let cost = |a, b| series.cost(Cost::Normal, a, b);
        let breaks = self.pelt.find(&self.ends, min_size, penalty, cost);
        let mut from = 0;
        for (i, &at) in breaks.iter().enumerate() {
            let to = breaks.get(i + 1).copied().unwrap_or(values.len());
            found(Change {
                at,
                before: mean(from, at),
                after: mean(at, to),
                score: cost(from, to) - cost(from, at) - cost(at, to) - penalty,
            });
            from = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_with_a_long_tail_are_no_changes_but_a_doubling_is() {
        let noise = |i: usize| ((i * 7919 + 13) % 101) as f64 / 50.0 - 1.0;
        let mut amounts: Vec<f64> = (0..40).map(|i| (3.0 + 1.2 * noise(i)).exp()).collect();
        let mut found = vec![];
        let mut changes = Changes::default();
        changes.of_value(&amounts, 4, Penalty::Bic, |c| found.push(c.at));
        assert_eq!(found, [0; 0]);
        amounts[20..].iter_mut().for_each(|a| *a *= 8.0);
        changes.of_value(&amounts, 4, Penalty::Bic, |c| found.push(c.at));
        assert!(found.len() == 1 && found[0].abs_diff(20) <= 2, "{found:?}");
    }

    /// The least penalised cost with every position allowed.
    fn twin(counts: &[usize], min_size: usize, penalty: f64) -> f64 {
        let n = counts.len();
        let mut best = vec![f64::INFINITY; n + 1];
        best[0] = -penalty;
        for t in min_size..=n {
            for s in 0..=t - min_size {
                let events: usize = counts[s..t].iter().sum();
                let cost = poisson(events as f64, (t - s) as f64);
                best[t] = best[t].min(best[s] + cost + penalty);
            }
        }
        best[n]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16_384))]

        #[test]
        fn positions_far_from_events_are_never_needed(
            counts in proptest::collection::vec(
                prop_oneof![8 => Just(0usize), 1 => 1usize..3, 1 => 5usize..9], 8..60),
            min_size in 1usize..5,
            penalty in 0.05f64..6.0,
        ) {
            let buckets: Vec<usize> =
                counts.iter().enumerate().flat_map(|(i, &c)| vec![i; c]).collect();
            let mut cuts = vec![0];
            Changes::default()
                .of_rate(&buckets, counts.len(), min_size, Penalty::Fixed(penalty), |c| cuts.push(c.at));
            cuts.push(counts.len());
            let got: f64 = cuts
                .windows(2)
                .map(|w| poisson(counts[w[0]..w[1]].iter().sum::<usize>() as f64, (w[1] - w[0]) as f64))
                .sum::<f64>() + penalty * (cuts.len() - 2) as f64;
            let want = twin(&counts, min_size, penalty);
            prop_assert!((got - want).abs() < 1e-9 * (1.0 + want.abs()), "{:?}: {} {}", cuts, got, want);
        }
    }
}
