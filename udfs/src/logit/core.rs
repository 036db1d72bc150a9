//! Logistic regression by maximum likelihood.
//!
//! `log(p / (1 − p)) = b₀ + Σ bᵢ xᵢ`, by Newton's method (`fitting/newton.rs`) on standardised
//! features, from the model without features; what is told is in units of the features. Sums run
//! over the rows in order, equal ones as one, so that any order of rows gives the same bits.
//! O(n log n), and O(n p²) a step, for n rows of p features.

use crate::fitting::gram::{Block, Gram, add, blocks, dot, padded};
use crate::fitting::newton::{Optimum, Point, maximise};
use crate::fitting::rows::{Standardised, distinct};

/// Beside the coefficient that grows most, one that grows as well has at least this share of it.
const GROWN: f64 = 1e-3;

/// A fitted model.
#[derive(Debug, Clone)]
pub(crate) struct Logit {
    /// the intercept first; `None` if all labels are alike, for then nothing can be told
    pub optimum: Option<Optimum>,
    /// how well the scores tell true from false
    pub auc: Option<f64>,
}

/// Rows of a label (0 or 1), a weight if `weighted`, and `features` numbers.
pub(crate) fn fit(rows: &[f64], features: usize, weighted: bool, l2: f64) -> Logit {
    let lead = 1 + usize::from(weighted);
    let rows = distinct(rows, lead + features, |label| u64::from(label > 0.0));
    let samples: Vec<(bool, f64)> = rows
        .iter()
        .map(|(row, n)| {
            let weight = if weighted { row.get(1).copied().unwrap_or(1.0) } else { 1.0 };
            (row.first().is_some_and(|&label| label > 0.0), weight * n)
        })
        .collect();
    let sum = |label: bool| -> f64 { samples.iter().filter(|s| s.0 == label).map(|s| s.1).sum() };
    let (yes, no) = (sum(true), sum(false));
    if !(yes > 0.0 && no > 0.0) {
        return Logit { optimum: None, auc: None };
    }
    let plain = rows.iter().map(|(row, _)| row.get(lead..).unwrap_or_default());
    let scaled = Standardised::of(plain.zip(samples.iter().map(|s| s.1)), features, true);
    let size = features + 1;
    let point = |coefs: &[f64]| {
        let coefs = padded(coefs);
        let (mut ll, mut gradient) = (0.0, vec![Block::default(); blocks(size)]);
        let mut information = Gram::new(size);
        for (i, &(label, weight)) in samples.iter().enumerate() {
            let x = scaled.row(i);
            let z = dot(x, &coefs);
            // exact also where e^z overflows
            let small = (-z.abs()).exp();
            let likely = if (z >= 0.0) == label { 0.0 } else { z.abs() };
            ll -= weight * (likely + small.ln_1p());
            let p = if z >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
            add(&mut gradient, weight * if label { 1.0 - p } else { -p }, x);
            information.add(weight * small / (1.0 + small).powi(2), x);
        }
        let gradient = gradient.as_flattened().iter().copied().take(size).collect();
        Point { ll, gradient, information: information.matrix() }
    };
    let mut start = vec![0.0; size];
    if let Some(intercept) = start.first_mut() {
        *intercept = (yes / no).ln();
    }
    // the intercept is not shrunk
    let mut ridge = vec![l2; size];
    if let Some(intercept) = ridge.first_mut() {
        *intercept = 0.0;
    }
    let mut optimum = maximise(start, &ridge, point);
    let best = padded(&optimum.coefs);
    let score = |(i, s): (usize, &(bool, f64))| (dot(scaled.row(i), &best), s.0, s.1);
    let mut scores: Vec<(f64, bool, f64)> = samples.iter().enumerate().map(score).collect();
    let auc = auc(&mut scores);
    // the intercept is lost where a feature is, and not by itself; where all labels are told apart
    // every error is lost, and it is those features whose coefficients grow
    let size = |i: usize| optimum.coefs.get(i).map_or(0.0, |coef| coef.abs());
    let most = optimum.separated.iter().filter(|&&i| i > 0).map(|&i| size(i)).fold(0.0, f64::max);
    let separate: Vec<usize> =
        optimum.separated.iter().copied().filter(|&i| i > 0 && size(i) >= GROWN * most).collect();
    optimum.separated = separate;
    in_units(&mut optimum, &scaled);
    Logit { optimum: Some(optimum), auc: Some(auc) }
}

/// Coefficients and errors in units of the features, and the intercept where all of them are 0.
fn in_units(optimum: &mut Optimum, scaled: &Standardised) {
    let per_unit = |i: usize, value: f64| scaled.per_unit(i, value);
    let mut times = vec![1.0];
    times.extend(scaled.means.iter().enumerate().map(|(i, &mean)| -per_unit(i, mean)));
    let intercept = optimum.coefs.iter().zip(&times).map(|(b, t)| b * t).sum();
    let error = optimum.std_error_of(&times);
    for (i, (b, e)) in optimum.coefs.iter_mut().zip(&mut optimum.std_errors).enumerate() {
        match i.checked_sub(1) {
            None => (*b, *e) = (intercept, error),
            Some(i) => (*b, *e) = (per_unit(i, *b), e.map(|e| per_unit(i, e))),
        }
    }
}

/// The chance that a row whose label is true scores above one whose label is false; equal scores
/// count half.
fn auc(scores: &mut [(f64, bool, f64)]) -> f64 {
    scores.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut below, mut pairs, mut yes) = (0.0, 0.0, 0.0);
    for equal in scores.chunk_by(|a, b| a.0 == b.0) {
        let sum = |label: bool| -> f64 { equal.iter().filter(|s| s.1 == label).map(|s| s.2).sum() };
        let (with, without) = (sum(true), sum(false));
        pairs += with * (below + 0.5 * without);
        below += without;
        yes += with;
    }
    pairs / (yes * below)
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
            let weighted = round % 3 == 0;
            let rows: Vec<(bool, f64, f64)> = (0..3 + random(25))
                .map(|_| {
                    let w = if weighted { 0.5 + random(4) as f64 / 2.0 } else { 1.0 };
                    (random(2) > 0, w, random(5) as f64 * 3.0 + 10.0)
                })
                .collect();
            let flat = |rows: &mut dyn Iterator<Item = &(bool, f64, f64)>| -> Vec<f64> {
                rows.flat_map(|&(y, w, x)| {
                    let mut row = vec![f64::from(u8::from(y))];
                    row.extend(weighted.then_some(w));
                    row.push(x);
                    row
                })
                .collect()
            };
            let got = fit(&flat(&mut rows.iter()), 1, weighted, 0.0);
            let back = fit(&flat(&mut rows.iter().rev()), 1, weighted, 0.0);
            assert_eq!(format!("{got:?}"), format!("{back:?}"));
            let Some(optimum) = got.optimum else {
                assert!(rows.iter().all(|r| r.0) || rows.iter().all(|r| !r.0));
                continue;
            };
            assert!(optimum.coefs.iter().all(|c| c.is_finite()));
            let ll = |b: [f64; 2]| -> f64 {
                rows.iter()
                    .map(|&(y, w, x)| {
                        let z = b[0] + b[1] * x;
                        -w * (if y { -z } else { z }).exp().ln_1p()
                    })
                    .sum()
            };
            let b = [optimum.coefs[0], optimum.coefs[1]];
            if optimum.converged && optimum.left_out.is_empty() {
                let best = ll(b);
                assert!((best - optimum.ll).abs() < 1e-9);
                let at = |i: f64, j: f64| ll([b[0] + i, b[1] + j]);
                let h = 1e-4;
                let slopes = [(at(h, 0.0) - at(-h, 0.0)) / h, (at(0.0, h) - at(0.0, -h)) / h];
                assert!(slopes.iter().all(|s| s.abs() < 1e-3), "{slopes:?}");
                let of = |f: &dyn Fn(f64) -> f64| -> f64 {
                    rows.iter()
                        .map(|&(_, w, x)| {
                            let p = 1.0 / (1.0 + (-b[0] - b[1] * x).exp());
                            w * p * (1.0 - p) * f(x)
                        })
                        .sum()
                };
                let (one, x, xx) = (of(&|_| 1.0), of(&|x| x), of(&|x| x * x));
                let determinant = one * xx - x * x;
                for (error, want) in optimum.std_errors.iter().zip([xx, one]) {
                    let (got, want) = (error.unwrap(), (want / determinant).sqrt());
                    assert!((got - want).abs() < 1e-6 * want, "{got} {want}");
                }
                let (mut pairs, mut right) = (0.0, 0.0);
                for a in rows.iter().filter(|r| r.0) {
                    for c in rows.iter().filter(|r| !r.0) {
                        let higher = (a.2 - c.2) * b[1];
                        pairs += a.1 * c.1;
                        right += a.1
                            * c.1
                            * if higher == 0.0 { 0.5 } else { f64::from(u8::from(higher > 0.0)) };
                    }
                }
                // where nothing is told, rounding decides who is ahead
                assert!(b[1].abs() < 1e-9 || (got.auc.unwrap() - right / pairs).abs() < 1e-9);
                told += 1;
            }
        }
        assert!(told > 10_000, "{told}");
    }

    #[test]
    fn what_has_no_best_value_is_named() {
        let rows = [[0.0, 1.0, 5.0], [0.0, 2.0, 5.0], [1.0, 3.0, 5.0], [1.0, 4.0, 5.0]].concat();
        let got = fit(&rows, 2, false, 0.0).optimum.unwrap();
        assert!(got.separated.contains(&1) && got.left_out == [2] && !got.converged);
        let ridge = fit(&rows, 2, false, 0.1).optimum.unwrap();
        assert!(ridge.converged && ridge.separated.is_empty(), "{ridge:?}");
        for big in [1e-200, 1e150, 1e300] {
            let rows = [[0.0, big], [1.0, 3.0 * big], [0.0, 2.0 * big], [1.0, -big]].concat();
            assert!(fit(&rows, 1, false, 0.0).optimum.unwrap().coefs.iter().all(|c| c.is_finite()));
        }
    }

    #[test]
    fn whatever_the_rows_are_there_is_an_answer_in_time() {
        let wide = |n: usize, of: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..n).flat_map(|i| (0..21).map(move |j| (i, j))).map(|(i, j)| of(i, j)).collect()
        };
        let label = |i: usize| (i % 2) as f64;
        let mixed = |i: usize, j: usize| ((i * 7919 + j * j * 104_729) % 1_009) as f64;
        let sets = [
            // the labels are what a feature says, and nearly so
            wide(20_000, &|i, j| if j < 2 { label(i) } else { mixed(i, j) }),
            wide(20_000, &|i, j| match j {
                0 => label(i),
                1 if i == 0 => 1.0,
                1 => label(i),
                _ => mixed(i, j),
            }),
            // every feature is the same, or of another size
            wide(20_000, &|i, j| if j == 0 { label(i) } else { mixed(i, 1) }),
            wide(20_000, &|i, j| {
                if j == 0 { label(i / 3) } else { mixed(i, j) * 10_f64.powi(j as i32 * 25 - 250) }
            }),
            // more features than rows, and a single row that is true
            wide(12, &|i, j| if j == 0 { label(i) } else { mixed(i, j) }),
            wide(20_000, &|i, j| if j == 0 { f64::from(u8::from(i == 77)) } else { mixed(i, j) }),
        ];
        for (i, set) in sets.iter().enumerate() {
            let begin = std::time::Instant::now();
            let optimum = fit(set, 20, false, 0.0).optimum.unwrap();
            assert!(begin.elapsed() < std::time::Duration::from_secs(5), "set {i}");
            assert!(
                optimum.coefs.iter().all(|c| c.is_finite()) && optimum.ll.is_finite(),
                "set {i}"
            );
            assert_eq!(optimum.converged, optimum.separated.is_empty(), "set {i}");
        }
    }
}
