//! Maximum likelihood for BG/NBD and MBG/NBD.
//!
//! Newton's method on the logarithms of the parameters with Levenberg's damping, which always goes
//! uphill; several starts are tried on a thinned sample, the best of them is continued on a finer
//! one and finished on all rows.
//! The logarithms are kept within ±[`EDGE`] (time in units of the longest `t`): where the likelihood
//! rises for ever, as it does for data without variety, the fit ends at that edge and says that it
//! has not converged. Time: a handful of passes over the distinct rows.

use super::core::{Kind, Model};
use super::likelihood::{Sample, Surface, log_likelihood};
use super::rows::Rows;

/// Bound of the logarithm of every parameter: beyond e^±12 nothing changes in five digits.
const EDGE: f64 = 12.0;
/// Evaluations of the likelihood that one start may take.
const MOST_EVALUATIONS: usize = 200;
/// Distinct rows of the sample on which starts are compared, and of a finer one on which the best is
/// continued: a step there costs a fraction of one on all rows.
const THINNED: [usize; 2] = [2_048, 65_536];

/// A fitted model and how it was reached.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fit {
    pub model: Model,
    /// the log-likelihood, without any penalty
    pub ll: f64,
    /// standard errors of r, alpha, a, b; `None` where the fit has not converged
    pub se: Option<[f64; 4]>,
    pub converged: bool,
    /// evaluations of the likelihood, value and derivatives
    pub iterations: usize,
}

/// The model that makes the legal `rows` most likely; `l2` is the weight of a normal prior on the
/// logarithms of the parameters. `None`: no rows.
pub(crate) fn fit(kind: Kind, rows: Rows, l2: f64) -> Option<Fit> {
    if rows.len() == 0 {
        return None;
    }
    let sample = Sample::new(rows);
    let thinned = THINNED.iter().filter_map(|most| sample.thinned(*most)).collect::<Vec<_>>();
    let mut samples = thinned.iter().chain([&sample]);
    let rough = samples.next()?;
    let mut best: Option<Climb> = None;
    let mut iterations = 0;
    for start in starts(sample.rate) {
        let end = climb(kind, rough, start, l2);
        iterations += end.evaluations;
        if best.as_ref().is_none_or(|b| end.height > b.height) {
            best = Some(end);
        }
    }
    let mut end = best?;
    for finer in samples {
        end = climb(kind, finer, end.at, l2);
        iterations += end.evaluations;
    }
    let [r, alpha, a, b] = end.at.map(f64::exp);
    let penalty = l2 * norm(&end.at);
    let ll = end.height + penalty + sample.log_scale;
    let alpha = alpha * sample.scale;
    let se = end.covariance.map(|variance| {
        let mut se = [r, alpha, a, b];
        for (se, variance) in se.iter_mut().zip(variance) {
            *se *= variance.sqrt();
        }
        se
    });
    let model = Model { kind, r, alpha, a, b };
    Some(Fit { model, ll, se, converged: end.converged, iterations })
}

/// Logarithms of parameters to start from: few and many who leave, alike and unlike customers.
fn starts(rate: f64) -> [[f64; 4]; 4] {
    [(0.5, 1.0, 2.0), (1.0, 0.5, 5.0), (0.2, 2.0, 2.0), (4.0, 0.2, 8.0)]
        .map(|(r, a, b): (f64, f64, f64)| [r.ln(), (r / rate).ln(), a.ln(), b.ln()])
}

/// Where a climb ended.
struct Climb {
    at: [f64; 4],
    height: f64,
    converged: bool,
    evaluations: usize,
    /// variances of the logarithms
    covariance: Option<[f64; 4]>,
}

/// The penalised likelihood over the logarithms of the parameters.
#[expect(clippy::indexing_slicing, reason = "every index is below 4")]
fn surface(kind: Kind, sample: &Sample, at: [f64; 4], l2: f64) -> Surface {
    let p = at.map(f64::exp);
    let mut s = log_likelihood(kind, sample, p);
    for i in 0..4 {
        s.gradient[i] *= p[i];
        for j in 0..4 {
            s.hessian[i][j] *= p[i] * p[j];
        }
        s.hessian[i][i] += s.gradient[i] - 2.0 * l2;
        s.gradient[i] -= 2.0 * l2 * at[i];
        s.value -= l2 * at[i] * at[i];
    }
    s
}

/// Climbs from `start` to a maximum of the penalised likelihood.
fn climb(kind: Kind, sample: &Sample, start: [f64; 4], l2: f64) -> Climb {
    /// of the slope, for each customer: the answer is then right to ten digits
    const FLAT: f64 = 1e-11;
    /// longest step in any logarithm
    const LONGEST: f64 = 2.0;
    /// a step that leaves four digits of the curvature as they are
    const SMALL: f64 = 1e-5;
    /// what ten digits do not show
    const UNSEEN: f64 = 1e-10;
    let mut at = start.map(|v| v.clamp(-EDGE, EDGE));
    let mut here = surface(kind, sample, at, l2);
    let (mut damping, mut evaluations, mut converged) = (0.0_f64, 1, false);
    // the step before, 0 where it was not one of Newton's
    let mut before = 0.0;
    while evaluations < MOST_EVALUATIONS {
        // a parameter that pushes against its bound stays there
        let mut free = [true; 4];
        for ((free, at), slope) in free.iter_mut().zip(at).zip(here.gradient) {
            *free = at.abs() < EDGE || at * slope < 0.0;
        }
        let steepest = here.gradient.iter().zip(free).filter(|(_, f)| *f).map(|(g, _)| g.abs());
        if steepest.fold(0.0, f64::max) <= FLAT * sample.weight {
            converged = free == [true; 4];
            break;
        }
        let Some(step) = uphill(&here, free, damping) else {
            damping = (damping * 10.0).max(1e-3);
            if damping > 1e12 {
                break;
            }
            continue;
        };
        let gain: f64 = step.iter().zip(here.gradient).map(|(d, g)| d * g).sum();
        let longest = step.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
        let short = if longest > LONGEST { LONGEST / longest } else { 1.0 };
        let mut to = at;
        for (to, d) in to.iter_mut().zip(step) {
            *to = (*to + short * d).clamp(-EDGE, EDGE);
        }
        // steps of Newton shrink as their squares: the next one would not be seen
        let next = longest * (longest / before).powi(2);
        if damping == 0.0 && free == [true; 4] && longest < SMALL && next < UNSEEN {
            (at, converged) = (to, true);
            here.value += gain / 2.0;
            break;
        }
        let there = surface(kind, sample, to, l2);
        evaluations += 1;
        // near the top the gain is lost in rounding: then the slope decides
        let rounding = 1e-13 * here.value.abs().max(1.0);
        let flatter = || norm(&there.gradient) < norm(&here.gradient);
        if there.value > here.value + rounding || (there.value > here.value - rounding && flatter())
        {
            (at, here) = (to, there);
            before = if damping == 0.0 { longest } else { 0.0 };
            damping = if damping < 1e-6 { 0.0 } else { damping * 0.1 };
        } else if gain <= 100.0 * rounding && damping == 0.0 {
            converged = free == [true; 4];
            break;
        } else {
            damping = (damping * 10.0).max(1e-3);
            if damping > 1e12 {
                break;
            }
        }
    }
    // at an edge or on a ridge the curvature says nothing of the spread
    let covariance = if converged { variances(&here) } else { None };
    converged = covariance.is_some();
    Climb { at, height: here.value, converged, evaluations, covariance }
}

fn norm(g: &[f64; 4]) -> f64 {
    g.iter().map(|v| v * v).sum()
}

/// Newton's step among the free parameters; `None` where the damped surface does not curve down.
#[expect(clippy::indexing_slicing, reason = "every index is below 4")]
fn uphill(s: &Surface, free: [bool; 4], damping: f64) -> Option<[f64; 4]> {
    let mut down = [[0.0; 4]; 4];
    let mut slope = [0.0; 4];
    for i in 0..4 {
        down[i][i] = 1.0;
        if !free[i] {
            continue;
        }
        slope[i] = s.gradient[i];
        for j in (0..4).filter(|&j| free[j]) {
            down[i][j] = -s.hessian[i][j];
        }
        down[i][i] += damping * s.hessian[i][i].abs().max(1e-3);
    }
    Some(solve(&cholesky(&down)?, slope))
}

/// The diagonal of the inverse of the information; `None` where it is singular.
fn variances(s: &Surface) -> Option<[f64; 4]> {
    let factor = cholesky(&s.hessian.map(|row| row.map(|v| -v)))?;
    let mut out = [0.0; 4];
    for (i, out) in out.iter_mut().enumerate() {
        let mut unit = [0.0; 4];
        if let Some(one) = unit.get_mut(i) {
            *one = 1.0;
        }
        *out = solve(&factor, unit).get(i).copied()?;
    }
    out.iter().all(|v| v.is_finite() && *v > 0.0).then_some(out)
}

/// The lower factor of a symmetric matrix; `None` unless it is safely positive definite.
#[expect(clippy::indexing_slicing, reason = "every index is below 4")]
fn cholesky(m: &[[f64; 4]; 4]) -> Option<[[f64; 4]; 4]> {
    let mut l = [[0.0; 4]; 4];
    for i in 0..4 {
        for j in 0..=i {
            let rest: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            let left = m[i][j] - rest;
            if i == j {
                // what is below the rounding of the sums is no curvature
                if left.is_nan() || left <= 1e-12 * m[i][i].abs() || left == 0.0 {
                    return None;
                }
                l[i][i] = left.sqrt();
            } else {
                l[i][j] = left / l[j][j];
            }
        }
    }
    Some(l)
}

/// The solution of `l·lᵀ·x = y`.
#[expect(clippy::indexing_slicing, reason = "every index is below 4")]
fn solve(l: &[[f64; 4]; 4], y: [f64; 4]) -> [f64; 4] {
    let mut x = y;
    for i in 0..4 {
        for k in 0..i {
            x[i] -= l[i][k] * x[k];
        }
        x[i] /= l[i][i];
    }
    for i in (0..4).rev() {
        for k in i + 1..4 {
            x[i] -= l[k][i] * x[k];
        }
        x[i] /= l[i][i];
    }
    x
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::core::Customer;
    use super::super::rows::Row;
    use super::*;

    fn fit(kind: Kind, rows: Vec<Row>, l2: f64) -> Option<Fit> {
        super::fit(kind, rows.into_iter().collect(), l2)
    }

    /// The CDNOW sample, times in weeks.
    fn cdnow() -> Vec<Row> {
        let lines = include_str!("../../testdata/cdnow_summary.csv").lines().skip(2);
        lines
            .map(|line| {
                let n: Vec<f64> = line.split(',').map(|v| v.parse().expect("a number")).collect();
                let customer = Customer { x: n[0], tx: n[1] / 7.0, t: n[2] / 7.0 };
                Row { customer, weight: n[3] }
            })
            .collect()
    }

    fn rows(all: &[(f64, f64, f64)]) -> Vec<Row> {
        all.iter().map(|&(x, tx, t)| Row { customer: Customer { x, tx, t }, weight: 1.0 }).collect()
    }

    #[track_caller]
    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance * want.abs(), "{got}, not {want}");
    }

    #[test]
    fn cdnow_gives_the_published_models() {
        let bg = fit(Kind::Bg, cdnow(), 0.0).expect("rows");
        assert!(bg.converged);
        for (got, want) in [
            (bg.model.r, 0.24259453),
            (bg.model.alpha, 4.4136025),
            (bg.model.a, 0.7929220),
            (bg.model.b, 2.4259065),
        ] {
            close(got, want, 1e-5);
        }
        assert!((bg.ll + 9582.4292).abs() < 1e-3, "{}", bg.ll);
        let mbg = fit(Kind::Mbg, cdnow(), 0.0).expect("rows");
        assert!(mbg.converged);
        for (got, want) in [
            (mbg.model.r, 0.52484),
            (mbg.model.alpha, 6.18309),
            (mbg.model.a, 0.89136),
            (mbg.model.b, 1.61400),
        ] {
            close(got, want, 1e-4);
        }
        assert!((mbg.ll + 9582.136).abs() < 1e-3, "{}", mbg.ll);
        // the cohort's expectations, Σ and means
        let whole = |of: &dyn Fn(Customer) -> f64| -> f64 {
            cdnow().iter().map(|row| row.weight * of(row.customer)).sum()
        };
        close(whole(&|c| bg.model.expected(c, 39.0)), 1653.4233, 1e-3);
        close(whole(&|c| bg.model.p_alive(c)) / 2357.0, 0.8134393, 1e-3);
        close(whole(&|c| mbg.model.p_alive(c)) / 2357.0, 0.448722, 1e-3);
        // the mean holdout expectation by frequency
        for (x, customers, want) in [
            (0.0, 1411.0, 0.2250893),
            (1.0, 439.0, 0.5231364),
            (2.0, 214.0, 1.044126),
            (3.0, 100.0, 1.520256),
            (4.0, 62.0, 2.163824),
            (5.0, 38.0, 2.653789),
            (6.0, 29.0, 3.503957),
            (7.0, 64.0, 6.157036),
        ] {
            let all = whole(&|c| if c.x.min(7.0) == x { bg.model.expected(c, 39.0) } else { 0.0 });
            // the published table comes from times rounded to two decimals
            close(all / customers, want, 1e-4);
        }
    }

    #[test]
    fn every_start_reaches_the_same_top() {
        let sample = Sample::new(cdnow().into_iter().collect());
        for kind in Kind::ALL {
            let tops = starts(sample.rate).map(|s| climb(kind, &sample, s, 0.0));
            for top in &tops {
                assert!(top.converged);
                close(top.height, tops[0].height, 1e-12);
            }
        }
    }

    #[test]
    fn the_unit_of_time_changes_alpha_only() {
        let weeks = fit(Kind::Mbg, cdnow(), 0.0).expect("rows");
        let mut days = cdnow();
        for row in &mut days {
            row.customer.tx *= 7.0;
            row.customer.t *= 7.0;
        }
        let days = fit(Kind::Mbg, days, 0.0).expect("rows");
        close(days.model.alpha, 7.0 * weeks.model.alpha, 1e-9);
        close(days.model.r, weeks.model.r, 1e-9);
        close(weeks.ll - days.ll, 2457.0 * 7.0_f64.ln(), 1e-9);
    }

    #[test]
    fn a_thinned_start_ends_at_the_same_place() {
        let sample = Sample::new(cdnow().into_iter().collect());
        let thin = sample.thinned(100).expect("more rows than that");
        let rough = climb(Kind::Bg, &thin, starts(sample.rate)[0], 0.0);
        let end = climb(Kind::Bg, &sample, rough.at, 0.0);
        close(end.height + sample.log_scale, -9582.4292, 1e-7);
    }

    #[test]
    fn many_customers_give_back_their_model_by_way_of_thinned_samples() {
        let mut state = 1_u64;
        let mut chance = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as f64 + 0.5) / (1_u64 << 31) as f64
        };
        // r 1, alpha 50, a 1, b 3
        let mut drawn = || {
            let (t, rate) = (50.0 + 350.0 * chance(), -chance().ln() / 50.0);
            let leaves = 1.0 - chance().cbrt();
            let (mut x, mut tx, mut at) = (0.0, 0.0, 0.0);
            while chance() > leaves {
                at -= chance().ln() / rate;
                if at > t {
                    break;
                }
                (x, tx) = (x + 1.0, at);
            }
            Row { customer: Customer { x, tx, t }, weight: 1.0 }
        };
        let all: Vec<Row> = (0..140_000).map(|_| drawn()).collect();
        let sample = Sample::new(all.iter().copied().collect());
        assert!(THINNED.iter().all(|most| sample.thinned(*most).is_some()));
        let got = fit(Kind::Mbg, all, 0.0).expect("rows");
        let Model { r, alpha, a, b, .. } = got.model;
        let whole = climb(Kind::Mbg, &sample, starts(sample.rate)[0], 0.0);
        assert!(got.converged && whole.converged);
        close(got.ll, whole.height + sample.log_scale, 1e-12);
        let fitted = [r, alpha / sample.scale, a, b].map(f64::ln);
        for (got, want) in fitted.into_iter().zip(whole.at) {
            assert!((got - want).abs() < 1e-9, "{fitted:?}, not {:?}", whole.at);
        }
        let top = surface(Kind::Mbg, &sample, fitted, 0.0);
        assert!(norm(&top.gradient).sqrt() < 1e-9 * sample.weight, "{top:?}");
        let se = got.se.expect("converged");
        for ((got, want), se) in [r, alpha, a, b].into_iter().zip([1.0, 50.0, 1.0, 3.0]).zip(se) {
            assert!((got - want).abs() < 3.0 * se && se < 0.05 * want, "{got} ± {se}, not {want}");
        }
    }

    #[test]
    fn a_prior_pulls_the_parameters_together() {
        let free = fit(Kind::Bg, cdnow(), 0.0).expect("rows");
        let held = fit(Kind::Bg, cdnow(), 100.0).expect("rows");
        assert!(held.converged && held.ll < free.ll);
        assert!(held.model.b < free.model.b && held.model.r > free.model.r);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 2048, ..Default::default() })]

        #[test]
        fn any_small_set_of_customers_has_finite_answers(
            set in proptest::collection::vec((0..5_u8, 0.0..1.0_f64, 0..60_u8, 1..4_u8), 1..12),
            l2 in proptest::sample::select(vec![0.0, 0.1]),
        ) {
            let row = |&(x, share, t, weight): &(u8, f64, u8, u8)| {
                let (t, x) = (f64::from(t), if t == 0 { 0.0 } else { f64::from(x) });
                let tx = if x == 0.0 { 0.0 } else { t * (1.0 - share) };
                Row { customer: Customer { x, tx, t }, weight: f64::from(weight) }
            };
            let rows: Vec<Row> = set.iter().map(row).collect();
            proptest::prop_assert!(rows.iter().all(Row::is_legal));
            for kind in Kind::ALL {
                let got = fit(kind, rows.clone(), l2).expect("rows");
                proptest::prop_assert!(got.ll.is_finite() && got.se.is_some() == got.converged);
                let mut turned = rows.clone();
                turned.reverse();
                proptest::prop_assert_eq!(fit(kind, turned, l2), Some(got.clone()));
                for row in &rows {
                    let c = row.customer;
                    let p = got.model.churn(c, Some(3.0));
                    proptest::prop_assert!((0.0..=1.0).contains(&p) && p >= got.model.churn(c, None));
                    proptest::prop_assert!(got.model.expected(c, 3.0).is_finite());
                }
            }
        }
    }

    #[test]
    fn degenerate_data_ends_quickly_with_finite_figures() {
        let one = |x, tx, t| rows(&[(x, tx, t)]);
        let same = |x, tx, t| rows(&[(x, tx, t); 50]);
        let sets = [
            one(0.0, 0.0, 0.0),
            one(0.0, 0.0, 30.0),
            one(3.0, 20.0, 30.0),
            one(1.0, 30.0, 30.0),
            one(1e6, 99_990.0, 1e5),
            same(0.0, 0.0, 0.0),
            same(0.0, 0.0, 30.0),
            same(2.0, 10.0, 30.0),
            same(2.0, 30.0, 30.0),
            same(1e6, 1e5, 1e5),
            rows(&[(0.0, 0.0, 1e-300), (1.0, 1e-300, 1e-300)]),
            rows(&[(0.0, 0.0, 1e300), (1.0, 1.0, 1e300)]),
            rows(&[(0.0, 0.0, 10.0), (1e6, 1e-9, 10.0)]),
            (0..40).map(|i| one(f64::from(i), f64::from(i), 40.0)).collect::<Vec<_>>().concat(),
            (0..40).map(|i| one(1.0, f64::from(i + 1), 40.0)).collect::<Vec<_>>().concat(),
        ];
        for (i, set) in sets.into_iter().enumerate() {
            for kind in Kind::ALL {
                let begin = Instant::now();
                let fit = fit(kind, set.clone(), 0.0).expect("rows");
                let Model { r, alpha, a, b, .. } = fit.model;
                assert!(begin.elapsed() < Duration::from_secs(5), "set {i} {kind:?}");
                assert!(
                    [r, alpha, a, b].iter().all(|v| v.is_finite() && *v > 0.0),
                    "set {i}: {fit:?}"
                );
                assert!(fit.ll.is_finite(), "set {i}: {fit:?}");
                if set[0] == set[set.len() - 1] {
                    assert!(!fit.converged, "set {i}: {fit:?}");
                }
            }
        }
        assert_eq!(fit(Kind::Bg, vec![], 0.0), None);
    }
}
