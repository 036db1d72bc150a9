//! Newton's method for a concave log-likelihood of a few coefficients.
//!
//! Steps are halved until the likelihood does not fall. A coefficient that the data cannot tell is
//! left out before the first step: its feature is constant, or what the features before it make up.
//! Where the data separate, the likelihood rises for ever along some direction: the search then
//! ends far out, where the standard error in units of standardised features is beyond any that
//! means something, and the coefficients are named.

use super::linear::Factors;

/// A log-likelihood with its derivatives.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub ll: f64,
    pub gradient: Vec<f64>,
    /// minus the second derivatives, row by row
    pub information: Vec<f64>,
}

/// Where the search has ended.
#[derive(Debug, Clone)]
pub(crate) struct Optimum {
    pub coefs: Vec<f64>,
    /// NULL for a coefficient that is left out or has no finite best value, and where the search has
    /// not come to its end
    pub std_errors: Vec<Option<f64>>,
    /// the log-likelihood, without penalty
    pub ll: f64,
    /// … at the start
    pub ll_start: f64,
    /// the data cannot tell these
    pub left_out: Vec<usize>,
    /// these would have to be infinite
    pub separated: Vec<usize>,
    pub converged: bool,
    pub iterations: usize,
    /// of the information there
    factors: Factors,
}

impl Optimum {
    /// The variance of the coefficients times a row; 0 for those that are left out.
    pub(crate) fn solved(&self, row: &[f64]) -> Vec<f64> {
        self.factors.solve(row)
    }

    /// The standard error of a sum of the coefficients, each so many times; `None` if one of them
    /// has no finite best value.
    pub(crate) fn std_error_of(&self, times: &[f64]) -> Option<f64> {
        let lost = |&i: &usize| times.get(i).is_some_and(|t| *t != 0.0);
        let ended = self.converged || !self.separated.is_empty();
        if !ended || self.separated.iter().any(lost) {
            return None;
        }
        let solved = self.factors.solve(times);
        let variance: f64 = solved.iter().zip(times).map(|(a, b)| a * b).sum();
        (variance > 0.0 && variance.is_finite()).then(|| variance.sqrt())
    }
}

const STEPS: usize = 60;
const HALVINGS: usize = 40;
/// What is left of the information of a feature that the others make up.
const COLLINEAR: f64 = 1e-10;
/// The log-likelihood that a step must still promise.
const PROMISE: f64 = 1e-10;
/// A standard error, per standard deviation of the feature, that means that nothing is known.
const LOST: f64 = 1e3;

/// Maximises `at` less half of `ridge` times the squared coefficients, from `start`.
pub(crate) fn maximise(start: Vec<f64>, ridge: &[f64], at: impl Fn(&[f64]) -> Point) -> Optimum {
    let size = start.len();
    let penalised = |coefs: &[f64]| {
        let mut point = at(coefs);
        let plain = point.ll;
        for (i, (b, l2)) in coefs.iter().zip(ridge).enumerate() {
            point.ll -= 0.5 * l2 * b * b;
            if let (Some(g), Some(h)) =
                (point.gradient.get_mut(i), point.information.get_mut(i * size + i))
            {
                *g -= l2 * b;
                *h += l2;
            }
        }
        (point, plain)
    };
    let diagonal =
        |point: &Point| point.information.iter().step_by(size + 1).copied().collect::<Vec<f64>>();
    let (mut point, ll_start) = penalised(&start);
    let (mut coefs, mut ll) = (start, ll_start);
    let scale = diagonal(&point);
    let known: Vec<bool> = Factors::of(&point.information, &scale, COLLINEAR).counts().collect();
    // rows that are not known are emptied, so that they stay left out
    let factors = |point: &Point| {
        let mut matrix = point.information.clone();
        for (i, row) in matrix.chunks_exact_mut(size.max(1)).enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                if !(known.get(i) == Some(&true) && known.get(j) == Some(&true)) {
                    *value = 0.0;
                }
            }
        }
        Factors::of(&matrix, &scale, 1e-300)
    };
    let (mut converged, mut iterations) = (false, 0);
    while iterations < STEPS && !converged {
        iterations += 1;
        let step = factors(&point).solve(&point.gradient);
        let promise: f64 = step.iter().zip(&point.gradient).map(|(s, g)| s * g).sum();
        let mut length = 1.0;
        let mut accepted = false;
        for _ in 0..HALVINGS {
            let next: Vec<f64> = coefs.iter().zip(&step).map(|(b, s)| b + length * s).collect();
            let (there, plain) = penalised(&next);
            let whole = there.ll.is_finite() && there.information.iter().all(|v| v.is_finite());
            // the last step is so short that only rounding can tell
            if whole && (there.ll >= point.ll || promise < PROMISE) {
                (point, ll, coefs, accepted) = (there, plain, next, true);
                break;
            }
            length /= 2.0;
        }
        converged = promise < PROMISE;
        if !accepted {
            break;
        }
    }
    let factors = factors(&point);
    let variances = factors.inverse_diagonal();
    let places = |of: &dyn Fn(usize) -> bool| (0..size).filter(|&i| of(i)).collect::<Vec<_>>();
    let is_known = |i: usize| known.get(i) == Some(&true);
    let lost = |i: usize| {
        variances.get(i).copied().flatten().is_none_or(|v| !(0.0..=LOST * LOST).contains(&v))
    };
    let left_out = places(&|i| !is_known(i));
    let separated = places(&|i| is_known(i) && lost(i));
    let std_errors = (0..size)
        .map(|i| {
            let variance = variances.get(i).copied().flatten()?;
            let ended = converged || !separated.is_empty();
            (ended && is_known(i) && !lost(i)).then(|| variance.sqrt())
        })
        .collect();
    converged &= separated.is_empty();
    Optimum { coefs, std_errors, ll, ll_start, left_out, separated, converged, iterations, factors }
}
