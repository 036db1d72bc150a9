//! Proportional hazards (Cox 1972).
//!
//! The partial likelihood with Efron's treatment of tied events (1977), or Breslow's; weights as in
//! both, tied events sharing their mean weight. Newton's method (`fitting/newton.rs`) on
//! standardised features; what is told is in units of the features. Sums run over the rows in
//! order, equal ones as one, so that any order of rows gives the same bits. O(n log n), and
//! O(n p²) a step, for n rows of p features.

use super::observed;
use super::proportional::Proportional;
use crate::fitting::gram::{Block, Gram, add, blocks, dot, padded};
use crate::fitting::newton::{Optimum, Point, maximise};
use crate::fitting::rows::{Standardised, distinct};

/// How tied events are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ties {
    Efron,
    Breslow,
}

/// What is fitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub ties: Ties,
    /// ridge on the coefficients of standardised features
    pub l2: f64,
    /// each row has a weight after its observation
    pub weighted: bool,
}

/// A fitted model.
#[derive(Debug, Clone)]
pub(crate) struct Cox {
    pub optimum: Optimum,
    /// what the hazard is relative to
    pub means: Vec<f64>,
    pub concordance: Option<f64>,
    pub events: f64,
    /// times of events, and the longest duration
    pub times: Vec<f64>,
    /// the cumulative hazard at the means
    pub hazard: Vec<f64>,
    /// whether the hazards are proportional; `None` where it cannot be tested
    pub proportional: Option<Proportional>,
}

/// The rows of one model.
pub(super) struct Sample {
    pub(super) keys: Vec<u64>,
    /// weight times number, and number
    pub(super) weights: Vec<(f64, f64)>,
    pub(super) features: Standardised,
    pub(super) width: usize,
    pub(super) ties: Ties,
}

/// Fits `features` a row after the observation (`observed.rs`) and maybe a weight.
pub(crate) fn fit(rows: &[f64], features: usize, options: Options) -> Cox {
    let lead = 1 + usize::from(options.weighted);
    let rows = distinct(rows, lead + features, observed::key);
    let weight = |&(row, n): &(&[f64], f64)| match row.get(1) {
        Some(&w) if options.weighted => (w * n, n),
        _ => (n, n),
    };
    let keys = rows.iter().map(|(row, _)| row.first().copied().map_or(0, observed::key)).collect();
    let weights: Vec<(f64, f64)> = rows.iter().map(weight).collect();
    let plain = rows.iter().map(|(row, _)| row.get(lead..).unwrap_or_default());
    let features_of = Standardised::of(plain.zip(weights.iter().map(|w| w.0)), features, false);
    let sample =
        Sample { keys, weights, features: features_of, width: features, ties: options.ties };
    sample.fit(options.l2)
}

impl Sample {
    fn fit(&self, l2: f64) -> Cox {
        let ridge = vec![l2; self.width];
        let mut optimum = maximise(vec![0.0; self.width], &ridge, |coefs| self.point(coefs));
        let risks = self.risks(&optimum.coefs);
        let concordance = self.concordance(&risks);
        let (times, hazard) = self.hazard(&risks);
        let proportional = self.proportional(&optimum, &risks);
        for (i, (b, e)) in optimum.coefs.iter_mut().zip(&mut optimum.std_errors).enumerate() {
            *b = self.features.per_unit(i, *b);
            *e = e.map(|e| self.features.per_unit(i, e));
        }
        let events = self.keys.iter().zip(&self.weights).filter(|(k, _)| observed::is_event(**k));
        Cox {
            optimum,
            means: self.features.means.clone(),
            concordance,
            events: events.map(|(_, w)| w.1).sum(),
            times,
            hazard,
            proportional,
        }
    }

    /// The logarithm of the hazard of each row, relative to the average.
    fn risks(&self, coefs: &[f64]) -> Vec<f64> {
        let coefs = padded(coefs);
        (0..self.keys.len()).map(|i| dot(self.features.row(i), &coefs)).collect()
    }

    /// The rows of each distinct time, from the last to the first.
    pub(super) fn times(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut end = self.keys.len();
        std::iter::from_fn(move || {
            let time = self.keys.get(end.checked_sub(1)?)? & !1;
            let before = self.keys.get(..end)?;
            let start = before.iter().rposition(|k| k & !1 != time).map_or(0, |i| i + 1);
            Some(start..std::mem::replace(&mut end, start))
        })
    }

    /// The partial likelihood at `coefs`.
    ///
    /// What those at risk at a time with events add to the derivatives, a row adds at all times up
    /// to its own: so the sums over rows need one pass, once it is known how much each time counts.
    /// Hazards are in units of the greatest of those at risk, so that their sum is never 0.
    fn point(&self, coefs: &[f64]) -> Point {
        let p = self.width;
        let zero = vec![Block::default(); blocks(p)];
        let risks = self.risks(coefs);
        let mut most = f64::NEG_INFINITY;
        let mut hazards = vec![0.0; risks.len()];
        let (mut ll, mut sum, mut first) = (0.0, 0.0, zero.clone());
        let (mut tied_first, mut mixed, mut gradient) = (zero.clone(), zero.clone(), zero);
        let mut information = Gram::new(p);
        // times from the last to the first: rows, the unit there, and how much the events count
        let mut times = vec![];
        for range in self.times() {
            let (mut events, mut weight, mut tied) = (0.0, 0.0, 0.0);
            tied_first.fill(Block::default());
            let here = risks.get(range.clone()).unwrap_or_default();
            let greatest = here.iter().copied().fold(most, f64::max);
            if greatest > most {
                let shrunk = (most - greatest).exp();
                sum *= shrunk;
                first.as_flattened_mut().iter_mut().for_each(|v| *v *= shrunk);
                most = greatest;
            }
            for i in range.clone() {
                let (x, Some(&risk), Some(&(w, n)), Some(&key)) =
                    (self.features.row(i), risks.get(i), self.weights.get(i), self.keys.get(i))
                else {
                    continue;
                };
                let hazard = w * (risk - most).exp();
                if let Some(kept) = hazards.get_mut(i) {
                    *kept = hazard;
                }
                sum += hazard;
                if observed::is_event(key) {
                    events += n;
                    weight += w;
                    ll += w * risk;
                    tied += hazard;
                    add(&mut tied_first, hazard, x);
                } else {
                    add(&mut first, hazard, x);
                }
            }
            add(&mut first, 1.0, &tied_first);
            if events == 0.0 {
                times.push((range, most, 0.0, 0.0));
                continue;
            }
            let efron = self.ties == Ties::Efron;
            // one event after the other leaves the tied, each taking an equal part of them with it
            let mean = weight / events;
            let (mut one, mut part) = (0.0, 0.0);
            let (mut square, mut part_square, mut parts_square) = (0.0, 0.0, 0.0);
            let mut gone = 0.0;
            while gone < events {
                let (share, times) = if efron { (gone / events, 1.0) } else { (0.0, events) };
                let left = sum - share * tied;
                let inverse = mean * times / left;
                ll -= mean * times * (left.ln() + most);
                one += inverse;
                part += inverse * share;
                square += inverse / left;
                part_square += inverse * share / left;
                parts_square += inverse * share * share / left;
                gone += times;
            }
            times.push((range, most, one, part));
            // the three products of `first` and `tied_first`, as two squares
            let shift = part_square / square;
            mixed.copy_from_slice(&first);
            add(&mut mixed, -shift, &tied_first);
            information.add(-square, &mixed);
            let rest = parts_square - part_square * shift;
            if rest > 0.0 {
                information.add(-rest, &tied_first);
            }
        }
        let (mut counts, mut unit) = (0.0, most);
        for (range, most, one, part) in times.into_iter().rev() {
            counts = counts * (most - unit).exp() + one;
            unit = most;
            for i in range {
                let (x, Some(&hazard), Some(&(w, _)), Some(&key)) =
                    (self.features.row(i), hazards.get(i), self.weights.get(i), self.keys.get(i))
                else {
                    continue;
                };
                let event = observed::is_event(key);
                let counts = hazard * if event { counts - part } else { counts };
                information.add(counts, x);
                add(&mut gradient, if event { w - counts } else { -counts }, x);
            }
        }
        let gradient = gradient.as_flattened().iter().copied().take(p).collect();
        Point { ll, gradient, information: information.matrix() }
    }

    /// Times of events and the last time, with Breslow's estimate of the cumulative hazard.
    fn hazard(&self, risks: &[f64]) -> (Vec<f64>, Vec<f64>) {
        // the sum over those at risk, in units of the greatest of them, so that it is never 0
        let (mut sum, mut most) = (0.0, f64::NEG_INFINITY);
        let mut steps: Vec<(f64, f64)> = vec![];
        for range in self.times() {
            let time = self.keys.get(range.start).map_or(0.0, |&k| observed::duration(k & !1));
            let mut events = 0.0;
            for i in range {
                let (Some(&risk), Some(&(w, _)), Some(&key)) =
                    (risks.get(i), self.weights.get(i), self.keys.get(i))
                else {
                    continue;
                };
                if risk > most {
                    sum *= (most - risk).exp();
                    most = risk;
                }
                sum += w * (risk - most).exp();
                events += if observed::is_event(key) { w } else { 0.0 };
            }
            if events > 0.0 || steps.is_empty() {
                steps.push((time, (events / sum * (-most).exp()).min(f64::MAX)));
            }
        }
        let mut hazard = 0.0;
        let rise = |(time, step): (f64, f64)| {
            hazard = f64::min(hazard + step, f64::MAX);
            (time, hazard)
        };
        steps.into_iter().rev().map(rise).unzip()
    }

    /// Of the pairs of which one is known to have gone first, the share in which it had the higher
    /// risk; equal risks count half.
    fn concordance(&self, risks: &[f64]) -> Option<f64> {
        let mut order: Vec<(f64, usize)> = risks.iter().copied().zip(0..).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut level_of = vec![0; order.len()];
        let mut levels = 0;
        for equal in order.chunk_by(|a, b| a.0 == b.0) {
            for (_, row) in equal {
                if let Some(level) = level_of.get_mut(*row) {
                    *level = levels;
                }
            }
            levels += 1;
        }
        // the weights of each level, and of those up to it (a Fenwick tree)
        let (mut equal, mut tree) = (vec![0.0; levels], vec![0.0; levels + 1]);
        let below = |tree: &[f64], mut level: usize| {
            let mut sum = 0.0;
            while level > 0 {
                sum += tree.get(level).copied().unwrap_or(0.0);
                level &= level - 1;
            }
            sum
        };
        let mut all = 0.0;
        let (mut pairs, mut right) = (0.0, 0.0);
        for range in self.times() {
            let rows = |events| {
                range.clone().filter_map(move |i| {
                    let event = observed::is_event(*self.keys.get(i)?);
                    (event == events).then_some((i, self.weights.get(i)?.0))
                })
            };
            // who is censored now outlives who goes now; who goes at the same time is no pair
            for events in [false, true] {
                if events {
                    for (i, w) in rows(true) {
                        let level = level_of.get(i).copied().unwrap_or(0);
                        pairs += w * all;
                        let same = equal.get(level).copied().unwrap_or(0.0);
                        right += w * (below(&tree, level) + 0.5 * same);
                    }
                }
                for (i, w) in rows(events) {
                    all += w;
                    let level = level_of.get(i).copied().unwrap_or(0);
                    if let Some(same) = equal.get_mut(level) {
                        *same += w;
                    }
                    let mut at = level + 1;
                    while let Some(sum) = tree.get_mut(at) {
                        *sum += w;
                        at += at & at.wrapping_neg();
                    }
                }
            }
        }
        (pairs > 0.0).then(|| right / pairs)
    }
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

    struct Row {
        t: f64,
        event: bool,
        w: f64,
        x: [f64; 2],
    }

    /// The partial likelihood as it is written down, over pairs of rows.
    fn naive_ll(rows: &[Row], b: [f64; 2], ties: Ties) -> f64 {
        let risk_of = |r: &Row| (r.x[0] - 105.0) * b[0] + r.x[1] * b[1];
        let hazard = |r: &Row| r.w * risk_of(r).exp();
        let mut times: Vec<f64> = rows.iter().filter(|r| r.event).map(|r| r.t).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let mut ll = 0.0;
        for t in times {
            let dead: Vec<&Row> = rows.iter().filter(|r| r.event && r.t == t).collect();
            let risk: f64 = rows.iter().filter(|r| r.t >= t).map(hazard).sum();
            let tied: f64 = dead.iter().map(|r| hazard(r)).sum();
            let mean = dead.iter().map(|r| r.w).sum::<f64>() / dead.len() as f64;
            for (i, r) in dead.iter().enumerate() {
                let share = if ties == Ties::Efron { i as f64 / dead.len() as f64 } else { 0.0 };
                ll += r.w * risk_of(r) - mean * (risk - share * tied).ln();
            }
        }
        ll
    }

    /// `None` where rounding decides whether two risks are equal.
    fn naive_concordance(rows: &[Row], b: [f64; 2]) -> Option<f64> {
        let risk = |r: &Row| r.x[0] * b[0] + r.x[1] * b[1];
        let (mut pairs, mut right) = (0.0, 0.0);
        for a in rows.iter().filter(|r| r.event) {
            for c in rows.iter().filter(|c| c.t > a.t || c.t == a.t && !c.event) {
                let difference = if a.x == c.x { 0.0 } else { risk(a) - risk(c) };
                if a.x != c.x && difference.abs() < 1e-9 {
                    return None;
                }
                pairs += a.w * c.w;
                right += a.w
                    * c.w
                    * if difference == 0.0 { 0.5 } else { f64::from(u8::from(difference > 0.0)) };
            }
        }
        (pairs > 0.0).then(|| right / pairs)
    }

    #[test]
    fn it_is_the_best_of_its_definition() {
        let mut state = 9_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut told = 0;
        for round in 0..20_000 {
            let ties = if round % 2 == 0 { Ties::Efron } else { Ties::Breslow };
            let weighted = round % 3 == 0;
            let l2 = if round % 4 == 3 { 0.5 } else { 0.0 };
            let rows: Vec<Row> = (0..3 + random(22))
                .map(|_| Row {
                    t: random(9) as f64 / 2.0,
                    event: random(3) > 0,
                    w: if weighted { 0.5 + random(4) as f64 / 2.0 } else { 1.0 },
                    x: [random(4) as f64 * 3.0 + 100.0, random(2) as f64],
                })
                .collect();
            let flat = |rows: &mut dyn Iterator<Item = &Row>| -> Vec<f64> {
                rows.flat_map(|r| {
                    let mut row = vec![observed::signed(r.t, r.event)];
                    row.extend(weighted.then_some(r.w));
                    row.extend(r.x);
                    row
                })
                .collect()
            };
            let options = Options { ties, l2, weighted };
            let got = fit(&flat(&mut rows.iter()), 2, options);
            let back = fit(&flat(&mut rows.iter().rev()), 2, options);
            assert_eq!(format!("{got:?}"), format!("{back:?}"));
            let all = got.optimum.coefs.iter().chain(&got.means).chain(&got.hazard);
            assert!(all.clone().all(|v| v.is_finite()), "{got:?}");
            assert!(got.hazard.is_sorted() && got.times.is_sorted_by(|a, b| a < b));
            let &[a, b] = &got.optimum.coefs[..] else { panic!() };
            let ll = naive_ll(&rows, [a, b], ties);
            assert!((ll - got.optimum.ll).abs() < 1e-8 * ll.abs().max(1.0), "{ll} {got:?}");
            assert!((naive_ll(&rows, [0.0, 0.0], ties) - got.optimum.ll_start).abs() < 1e-9);
            if got.optimum.converged && l2 == 0.0 && got.optimum.left_out.is_empty() {
                if let Some(concordance) = naive_concordance(&rows, [a, b]) {
                    assert!((got.concordance.unwrap() - concordance).abs() < 1e-9);
                }
                // flat, and curved as the errors say
                let at = |i: f64, j: f64| naive_ll(&rows, [a + i, b + j], ties);
                let h = 1e-4;
                let slopes = [(at(h, 0.0) - at(-h, 0.0)) / h, (at(0.0, h) - at(0.0, -h)) / h];
                assert!(slopes.iter().all(|s| s.abs() < 1e-4), "{slopes:?} {got:?}");
                let aa = -(at(h, 0.0) - 2.0 * ll + at(-h, 0.0)) / h / h;
                let bb = -(at(0.0, h) - 2.0 * ll + at(0.0, -h)) / h / h;
                let ab = -(at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h)) / h / h / 4.0;
                let determinant = aa * bb - ab * ab;
                if determinant > 1e-2 {
                    for (error, want) in got.optimum.std_errors.iter().zip([bb, aa]) {
                        let (got, want) = (error.unwrap(), (want / determinant).sqrt());
                        assert!((got - want).abs() < 1e-2 * want, "{got} {want}");
                    }
                    told += 1;
                }
                let hazard =
                    rows.iter().map(|r| (r.x[0] - got.means[0]) * a + (r.x[1] - got.means[1]) * b);
                let hazards: Vec<f64> = hazard.map(f64::exp).collect();
                let mut sum = 0.0;
                for (t, h) in got.times.iter().zip(&got.hazard) {
                    let of = |dead: bool| -> f64 {
                        let at = |r: &Row| if dead { r.event && r.t == *t } else { r.t >= *t };
                        rows.iter()
                            .zip(&hazards)
                            .filter(|(r, _)| at(r))
                            .map(|(r, h)| if dead { r.w } else { r.w * h })
                            .sum()
                    };
                    sum += of(true) / of(false);
                    assert!((sum - h).abs() < 1e-9 * sum.max(1.0));
                }
            }
        }
        assert!(told > 5_000, "{told}");
    }

    fn plain(rows: &[(f64, bool, &[f64])], l2: f64) -> Cox {
        let flat: Vec<f64> =
            rows.iter().flat_map(|r| [&[observed::signed(r.0, r.1)], r.2].concat()).collect();
        let features = rows.first().map_or(0, |r| r.2.len());
        fit(&flat, features, Options { ties: Ties::Efron, l2, weighted: false })
    }

    #[test]
    fn a_strong_feature_is_as_strong_as_it_is() {
        // risks from the first to the last differ by more than e^600; by Newton's method of its own
        let x: Vec<[f64; 1]> = (1..=500).map(|t| [f64::from(t)]).collect();
        let late = |t: f64| t * 10.0 + (t * 7919.0) % 23.0 + t * 1e-9;
        let rows: Vec<(f64, bool, &[f64])> =
            x.iter().map(|x| (late(x[0]), true, x.as_slice())).collect();
        let got = plain(&rows, 0.0);
        assert!(got.optimum.converged, "{:?}", got.optimum);
        let error = got.optimum.std_errors[0].expect("converged");
        for (got, want) in [
            (got.optimum.coefs[0], -1.346_12),
            (error, 0.065_21),
            (got.optimum.ll / 100.0, -3.226_49),
        ] {
            assert!((got - want).abs() < 6e-6, "{got}, not {want}");
        }
    }

    #[test]
    fn what_separates_many_rows_is_named() {
        for n in [12, 30, 200, 5_000] {
            let x: Vec<[f64; 1]> = (1..=n).map(|t| [f64::from(t)]).collect();
            for leaves in [|_: f64| true, |t: f64| t != 7.0] {
                let rows: Vec<(f64, bool, &[f64])> =
                    x.iter().map(|x| (x[0], leaves(x[0]), x.as_slice())).collect();
                let begin = std::time::Instant::now();
                let got = plain(&rows, 0.0);
                assert!(begin.elapsed().as_secs() < 5, "{n}");
                let told = (got.optimum.separated.as_slice(), got.optimum.converged);
                assert_eq!(told, (&[0][..], false), "{n}: {:?}", got.optimum);
                assert_eq!(got.optimum.std_errors, [None]);
            }
        }
    }

    #[test]
    fn what_has_no_best_value_is_named() {
        // whoever has the feature goes first
        let rows: Vec<(f64, bool, &[f64])> = vec![
            (1.0, true, &[1.0, 0.0]),
            (2.0, true, &[1.0, 1.0]),
            (2.5, true, &[1.0, 0.0]),
            (3.0, true, &[0.0, 1.0]),
            (4.0, true, &[0.0, 0.0]),
            (5.0, true, &[0.0, 1.0]),
        ];
        let got = plain(&rows, 0.0);
        assert_eq!((got.optimum.separated.as_slice(), got.optimum.converged), (&[0][..], false));
        assert_eq!(got.optimum.std_errors[0], None);
        let ridge = plain(&rows, 1.0);
        assert!(ridge.optimum.converged && ridge.optimum.std_errors.iter().all(Option::is_some));
        // constant, and twice another
        let rows: Vec<(f64, bool, &[f64])> = vec![
            (1.0, true, &[7.0, 1.0, 2.0]),
            (2.0, true, &[7.0, 0.0, 0.0]),
            (3.0, true, &[7.0, 3.0, 6.0]),
            (4.0, false, &[7.0, 1.0, 2.0]),
            (5.0, true, &[7.0, 2.0, 4.0]),
        ];
        let got = plain(&rows, 0.0);
        assert_eq!((got.optimum.left_out.as_slice(), got.optimum.converged), (&[0, 2][..], true));
        assert_eq!((got.optimum.coefs[0], got.optimum.coefs[2]), (0.0, 0.0));
        // nothing happened
        let got = plain(&[(1.0, false, &[1.0]), (2.0, false, &[2.0])], 0.0);
        assert_eq!((got.events, got.optimum.ll, got.hazard.as_slice()), (0.0, 0.0, &[0.0][..]));
        assert_eq!(got.concordance, None);
        // figures of any size
        for big in [1e-200, 1e150, 1e300] {
            let x = [[big], [3.0 * big], [-2.0 * big], [0.5 * big]];
            let rows: Vec<(f64, bool, &[f64])> =
                x.iter().zip(1..).map(|(x, t)| (f64::from(t), true, &x[..])).collect();
            let got = plain(&rows, 0.0);
            assert!(got.optimum.coefs[0].is_finite() && got.hazard.iter().all(|h| h.is_finite()));
        }
    }
}
