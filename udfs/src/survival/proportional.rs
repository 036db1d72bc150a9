//! Whether hazards stay proportional: the test of Grambsch & Therneau (1994).
//!
//! If a coefficient does not change with time, the scaled Schoenfeld residuals of its feature have no
//! trend over time: `χ² = D (V U)ᵢ² / (Vᵢᵢ Σ (g − ḡ)²)` with `U = Σ (g − ḡ) r`, over `D` events, their
//! residuals `r` (the features of who goes less their mean among those at risk, as the treatment of
//! ties has it) and the variance `V` of the coefficients; for all features at once `D Uᵀ V U / Σ (g −
//! ḡ)²`. Time counts as `g`, the share of customers who have gone before, by Kaplan and Meier: the
//! choice of R's `cox.zph` ("km"). What is tested is in the past of each event, so that an event does
//! not count in its own `g`. A weight counts as so many customers. Two passes over the rows, O(n p).

use super::compare::chi_square_tail;
use super::cox::{Sample, Ties};
use super::observed;
use crate::fitting::gram::{Block, add, blocks};
use crate::fitting::newton::Optimum;

/// A value of χ² and how likely one as great is where hazards are proportional.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ChiSquare {
    pub chi2: f64,
    pub df: usize,
    pub p: f64,
}

/// The tests of the features, and that of all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Proportional {
    /// `None` for a feature that the fit has left out
    pub features: Vec<Option<ChiSquare>>,
    pub all: Option<ChiSquare>,
}

impl ChiSquare {
    fn of(chi2: f64, df: usize) -> Option<Self> {
        (chi2.is_finite() && df > 0).then(|| {
            let chi2 = chi2.max(0.0);
            Self { chi2, df, p: chi_square_tail(chi2, df) }
        })
    }
}

impl Sample {
    /// Tests a fit that has converged, in units of standardised features; `risks` are its own.
    /// `None` if no two events are at different times.
    pub(super) fn proportional(&self, optimum: &Optimum, risks: &[f64]) -> Option<Proportional> {
        if !optimum.converged {
            return None;
        }
        // the weight of those at risk and of events, from the last time to the first
        let mut at_risk = 0.0;
        let mut shares: Vec<(f64, f64)> = vec![];
        for range in self.times() {
            let mut events = 0.0;
            for i in range {
                let (Some(&(w, _)), Some(&key)) = (self.weights.get(i), self.keys.get(i)) else {
                    continue;
                };
                at_risk += w;
                events += if observed::is_event(key) { w } else { 0.0 };
            }
            shares.push((at_risk, events));
        }
        // who has gone before each time, and what time the events are at on average
        let (mut survival, mut all, mut mean) = (1.0, 0.0, 0.0);
        for (at_risk, events) in shares.iter_mut().rev() {
            let gone = 1.0 - survival;
            survival *= ((*at_risk - *events) / *at_risk).max(0.0);
            all += *events;
            mean += *events * gone;
            *at_risk = gone;
        }
        mean /= all;
        let spread: f64 = shares.iter().map(|(gone, events)| events * (gone - mean).powi(2)).sum();
        if !(spread > 0.0 && spread.is_finite()) {
            return None;
        }
        let p = self.width;
        let zero = vec![Block::default(); blocks(p)];
        let (mut first, mut tied_first, mut trend) = (zero.clone(), zero.clone(), zero);
        let most = risks.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for (range, (gone, all_events)) in self.times().zip(shares) {
            let (mut events, mut tied) = (0.0, 0.0);
            tied_first.fill(Block::default());
            let time = gone - mean;
            for i in range {
                let (x, Some(&risk), Some(&(w, n)), Some(&key)) =
                    (self.features.row(i), risks.get(i), self.weights.get(i), self.keys.get(i))
                else {
                    continue;
                };
                let hazard = w * (risk - most).exp();
                sum += hazard;
                if observed::is_event(key) {
                    events += n;
                    tied += hazard;
                    add(&mut tied_first, hazard, x);
                    add(&mut trend, time * w, x);
                } else {
                    add(&mut first, hazard, x);
                }
            }
            add(&mut first, 1.0, &tied_first);
            if events == 0.0 {
                continue;
            }
            // the mean of the features at risk, as one event after the other leaves the tied
            let (mut whole, mut part, mut left) = (0.0, 0.0, 0.0);
            if self.ties == Ties::Efron {
                while left < events {
                    let share = left / events;
                    let inverse = 1.0 / (events * (sum - share * tied));
                    whole += inverse;
                    part += inverse * share;
                    left += 1.0;
                }
            } else {
                whole = 1.0 / sum;
            }
            add(&mut trend, -time * all_events * whole, &first);
            add(&mut trend, time * all_events * part, &tied_first);
        }
        let trend = trend.as_flattened().get(..p)?;
        let solved = optimum.solved(trend);
        let of = |(solved, error): (&f64, &Option<f64>)| {
            ChiSquare::of(all * (solved / (*error)?).powi(2) / spread, 1)
        };
        let features: Vec<Option<ChiSquare>> =
            solved.iter().zip(&optimum.std_errors).map(of).collect();
        let square: f64 = solved.iter().zip(trend).map(|(a, b)| a * b).sum();
        let mut tested = features.iter().flatten();
        // of one feature the two are the same
        let all = match (tested.next(), tested.count()) {
            (Some(one), 0) => Some(*one),
            (first, more) => {
                ChiSquare::of(all * square / spread, usize::from(first.is_some()) + more)
            }
        };
        Some(Proportional { features, all })
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "test data")]
mod tests {
    use super::super::cox::{Cox, Options, fit};
    use super::*;

    struct Row {
        t: f64,
        event: bool,
        w: f64,
        x: [f64; 2],
    }

    fn fitted(rows: &[Row], ties: Ties, weighted: bool) -> Cox {
        let row = |r: &Row| {
            let weight = weighted.then_some(r.w);
            let lead = std::iter::once(observed::signed(r.t, r.event)).chain(weight);
            lead.chain(r.x).collect::<Vec<f64>>()
        };
        let flat: Vec<f64> = rows.iter().flat_map(row).collect();
        fit(&flat, 2, Options { ties, l2: 0.0, weighted })
    }

    /// One event after the other, each with those at risk, and matrices by hand.
    fn naive(rows: &[Row], b: [f64; 2], ties: Ties) -> [f64; 3] {
        let hazard = |r: &Row| r.w * ((r.x[0] - 1.0) * b[0] + r.x[1] * b[1]).exp();
        let survival = |t: f64| {
            let mut times: Vec<f64> =
                rows.iter().filter(|r| r.event && r.t < t).map(|r| r.t).collect();
            times.sort_by(f64::total_cmp);
            times.dedup();
            times.into_iter().fold(1.0, |s, u| {
                let d: f64 = rows.iter().filter(|r| r.event && r.t == u).map(|r| r.w).sum();
                let n: f64 = rows.iter().filter(|r| r.t >= u).map(|r| r.w).sum();
                s * (1.0 - d / n)
            })
        };
        // weight, time and residual of each event, and the information
        let mut events = vec![];
        let mut information = [[0.0; 2]; 2];
        for r in rows.iter().filter(|r| r.event) {
            let tied: Vec<&Row> = rows.iter().filter(|o| o.event && o.t == r.t).collect();
            let many = tied.len();
            let weight = tied.iter().map(|o| o.w).sum::<f64>() / many as f64;
            let mut mean = [0.0; 2];
            for l in 0..many {
                let share = if ties == Ties::Efron { l as f64 / many as f64 } else { 0.0 };
                let of = |o: &Row| {
                    let out = if o.event && o.t == r.t { 1.0 - share } else { 1.0 };
                    if o.t >= r.t { out * hazard(o) } else { 0.0 }
                };
                let sum = |f: &dyn Fn(&Row) -> f64| rows.iter().map(|o| of(o) * f(o)).sum::<f64>();
                let all = sum(&|_| 1.0);
                let at = [sum(&|o| o.x[0]) / all, sum(&|o| o.x[1]) / all];
                for i in 0..2 {
                    mean[i] += at[i] / many as f64;
                    for j in 0..2 {
                        let product = sum(&|o| (o.x[i] - at[i]) * (o.x[j] - at[j])) / all;
                        // once for all who are tied
                        information[i][j] += weight * product / many as f64;
                    }
                }
            }
            events.push((r.w, 1.0 - survival(r.t), [r.x[0] - mean[0], r.x[1] - mean[1]]));
        }
        let all: f64 = events.iter().map(|e| e.0).sum();
        let mean = events.iter().map(|e| e.0 * e.1).sum::<f64>() / all;
        let spread: f64 = events.iter().map(|e| e.0 * (e.1 - mean).powi(2)).sum();
        let [[a, c], [_, d]] = information;
        let det = a * d - c * c;
        let v = [[d / det, -c / det], [-c / det, a / det]];
        let u = [0, 1].map(|i| events.iter().map(|e| e.0 * (e.1 - mean) * e.2[i]).sum::<f64>());
        let vu = [0, 1].map(|i| v[i][0] * u[0] + v[i][1] * u[1]);
        let one = |i: usize| all * vu[i] * vu[i] / v[i][i] / spread;
        [one(0), one(1), all * (u[0] * vu[0] + u[1] * vu[1]) / spread]
    }

    #[test]
    fn it_is_what_its_definition_says() {
        let mut state = 5_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut told = 0;
        for round in 0..10_000 {
            let ties = if round % 2 == 0 { Ties::Efron } else { Ties::Breslow };
            let weighted = round % 3 == 0;
            let rows: Vec<Row> = (0..6 + random(22))
                .map(|_| Row {
                    t: random(9) as f64 / 2.0,
                    event: random(3) > 0,
                    w: if weighted { 0.5 + random(4) as f64 / 2.0 } else { 1.0 },
                    x: [random(4) as f64 / 2.0, random(2) as f64],
                })
                .collect();
            let got = fitted(&rows, ties, weighted);
            let Some(tests) = &got.proportional else { continue };
            assert!(got.optimum.converged);
            let &[a, b] = &got.optimum.coefs[..] else { panic!() };
            if !got.optimum.left_out.is_empty() || a.abs().max(b.abs()) > 5.0 {
                continue;
            }
            let want = naive(&rows, [a, b], ties);
            let all = tests.all.unwrap();
            let got = [tests.features[0].unwrap(), tests.features[1].unwrap(), all];
            assert_eq!(got.map(|g| g.df), [1, 1, 2]);
            for (got, want) in got.iter().zip(want) {
                assert!((got.chi2 - want).abs() < 1e-7 * want.max(1.0), "{} {want}", got.chi2);
                assert_eq!(got.p, chi_square_tail(got.chi2, got.df));
            }
            told += 1;
        }
        assert!(told > 5_000, "{told}");
    }

    #[test]
    fn a_weight_is_so_many_customers() {
        let t = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let row = |i: usize| Row {
            t: t[i],
            event: i != 3,
            w: 2.0,
            x: [(i * 5 % 7) as f64, (i % 2) as f64],
        };
        let twice: Vec<Row> = (0..8).flat_map(|i| [row(i), row(i)]).collect();
        let weighted: Vec<Row> = (0..8).map(row).collect();
        let a = fitted(&twice, Ties::Breslow, false).proportional.unwrap();
        let b = fitted(&weighted, Ties::Breslow, true).proportional.unwrap();
        for (a, b) in a.features.iter().chain([&a.all]).zip(b.features.iter().chain([&b.all])) {
            assert!((a.unwrap().chi2 - b.unwrap().chi2).abs() < 1e-9, "{a:?} {b:?}");
        }
    }

    #[test]
    fn what_cannot_be_tested_is_not() {
        let row = |t, event, x| Row { t, event, w: 1.0, x };
        // one time of events
        let one =
            [row(1.0, true, [1.0, 0.0]), row(1.0, true, [0.0, 1.0]), row(2.0, false, [1.0, 1.0])];
        assert_eq!(fitted(&one, Ties::Efron, false).proportional, None);
        assert_eq!(fitted(&[], Ties::Efron, false).proportional, None);
        // nobody goes
        let none = [row(1.0, false, [1.0, 0.0]), row(2.0, false, [0.0, 1.0])];
        assert_eq!(fitted(&none, Ties::Efron, false).proportional, None);
        // separated
        let split: Vec<Row> = (0..6)
            .map(|i| row(f64::from(i), true, [f64::from(u8::from(i < 3)), f64::from(i % 2)]))
            .collect();
        let got = fitted(&split, Ties::Efron, false);
        assert_eq!((got.optimum.converged, got.proportional), (false, None));
        // a feature that is constant has no test, the other has its own
        let flat: Vec<Row> = [2.0, 0.0, 1.0, 3.0, 0.0, 1.0]
            .iter()
            .zip(1..)
            .map(|(x, t)| row(f64::from(t), true, [*x, 7.0]))
            .collect();
        let got = fitted(&flat, Ties::Efron, false).proportional.unwrap();
        assert_eq!((got.features[1], got.all), (None, got.features[0]));
        assert!(got.all.is_some());
    }
}
