//! Climbs to the top of a likelihood: what all fits of this family share.
//!
//! Newton's method on the logarithms of the parameters with Levenberg's damping, which always goes
//! uphill; several starts are tried on a thinned sample, the best of them is continued on finer ones
//! and finished on all rows. The logarithms are kept within ±[`EDGE`]: where the likelihood rises for
//! ever, as it does for data without variety, the climb ends at that edge and says that it has not
//! converged. Every step is determined by the one before: the same sums give the same bits.

/// Bound of the logarithm of every parameter: beyond e^±12 nothing changes in five digits.
pub(crate) const EDGE: f64 = 12.0;
/// Evaluations of the likelihood that one start may take.
const MOST_EVALUATIONS: usize = 200;

/// A log-likelihood at one point, with its derivatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Surface<const N: usize> {
    pub value: f64,
    pub gradient: [f64; N],
    pub hessian: [[f64; N]; N],
}

impl<const N: usize> Surface<N> {
    /// Nothing yet.
    pub(crate) const ZERO: Self = Self { value: 0.0, gradient: [0.0; N], hessian: [[0.0; N]; N] };

    /// The half above the diagonal is what was added up: copies it below.
    pub(crate) fn mirror(&mut self) {
        for row in 0..N {
            for column in 0..row {
                #[expect(clippy::indexing_slicing, reason = "both are below N")]
                {
                    self.hessian[row][column] = self.hessian[column][row];
                }
            }
        }
    }

    /// The surface over the logarithms of the parameters `p`, less a ridge of `l2` times their squares.
    #[expect(clippy::indexing_slicing, reason = "every index is below N")]
    fn over_logs(mut self, at: [f64; N], p: [f64; N], l2: f64) -> Self {
        for i in 0..N {
            self.gradient[i] *= p[i];
            for j in 0..N {
                self.hessian[i][j] *= p[i] * p[j];
            }
            self.hessian[i][i] += self.gradient[i] - 2.0 * l2;
            self.gradient[i] -= 2.0 * l2 * at[i];
            self.value -= l2 * at[i] * at[i];
        }
        self
    }
}

/// Where the search ended: parameters in the units of the likelihood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Top<const N: usize> {
    pub parameters: [f64; N],
    /// the log-likelihood, without any penalty
    pub ll: f64,
    /// standard errors of the logarithms of the parameters; `None` where the search has not converged
    pub log_se: Option<[f64; N]>,
    /// evaluations of the likelihood, value and derivatives
    pub iterations: usize,
    /// −1 or 1 where a parameter pushes against its lower or upper bound
    pub edge: [i8; N],
}

impl<const N: usize> Top<N> {
    /// Standard errors of the parameters, by the delta method.
    pub(crate) fn se(&self) -> Option<[f64; N]> {
        let mut se = self.log_se?;
        se.iter_mut().zip(self.parameters).for_each(|(se, p)| *se *= p);
        Some(se)
    }
}

/// The top of `likelihood` from the best of `starts` (logarithms of parameters) on the first of the
/// `samples`, which are ever finer. `weight` is the number of customers in a sample. `None`: no
/// samples or no starts.
pub(crate) fn maximise<'a, S: 'a, const N: usize>(
    samples: impl IntoIterator<Item = &'a S>,
    weight: impl Fn(&S) -> f64,
    likelihood: impl Fn(&S, [f64; N]) -> Surface<N>,
    starts: impl IntoIterator<Item = [f64; N]>,
    l2: f64,
) -> Option<Top<N>> {
    let mut samples = samples.into_iter();
    let rough = samples.next()?;
    let from = |sample, start| climb(|p| likelihood(sample, p), weight(sample), start, l2);
    let mut best: Option<Climb<N>> = None;
    let mut iterations = 0;
    for start in starts {
        let end = from(rough, start);
        iterations += end.evaluations;
        if best.as_ref().is_none_or(|b| end.height > b.height) {
            best = Some(end);
        }
    }
    let mut end = best?;
    for finer in samples {
        end = from(finer, end.at);
        iterations += end.evaluations;
    }
    let log_se = end.variances.map(|v| v.map(f64::sqrt));
    Some(Top {
        parameters: end.at.map(f64::exp),
        ll: end.height + l2 * norm(&end.at),
        log_se,
        iterations,
        edge: end.at.map(|at| i8::from(at >= EDGE) - i8::from(at <= -EDGE)),
    })
}

/// Where a climb ended.
#[derive(Debug)]
pub(crate) struct Climb<const N: usize> {
    pub at: [f64; N],
    pub height: f64,
    evaluations: usize,
    /// of the logarithms, where it has converged
    pub variances: Option<[f64; N]>,
}

/// Climbs from `start` to a maximum of the penalised likelihood of `weight` customers.
pub(crate) fn climb<const N: usize>(
    likelihood: impl Fn([f64; N]) -> Surface<N>,
    weight: f64,
    start: [f64; N],
    l2: f64,
) -> Climb<N> {
    /// of the slope, for each customer: the answer is then right to ten digits
    const FLAT: f64 = 1e-11;
    /// longest step in any logarithm
    const LONGEST: f64 = 2.0;
    /// a step that leaves four digits of the curvature as they are
    const SMALL: f64 = 1e-5;
    /// what ten digits do not show
    const UNSEEN: f64 = 1e-10;
    let surface = |at: [f64; N]| {
        let p = at.map(f64::exp);
        likelihood(p).over_logs(at, p, l2)
    };
    let mut at = start.map(|v| v.clamp(-EDGE, EDGE));
    let mut here = surface(at);
    let (mut damping, mut evaluations, mut converged) = (0.0_f64, 1, false);
    // the step before, 0 where it was not one of Newton's
    let mut before = 0.0;
    while evaluations < MOST_EVALUATIONS {
        // a parameter that pushes against its bound stays there
        let mut free = [true; N];
        for ((free, at), slope) in free.iter_mut().zip(at).zip(here.gradient) {
            *free = at.abs() < EDGE || at * slope < 0.0;
        }
        let steepest = here.gradient.iter().zip(free).filter(|(_, f)| *f).map(|(g, _)| g.abs());
        if steepest.fold(0.0, f64::max) <= FLAT * weight {
            converged = free == [true; N];
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
        if damping == 0.0 && free == [true; N] && longest < SMALL && next < UNSEEN {
            (at, converged) = (to, true);
            here.value += gain / 2.0;
            break;
        }
        let there = surface(to);
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
            converged = free == [true; N];
            break;
        } else {
            damping = (damping * 10.0).max(1e-3);
            if damping > 1e12 {
                break;
            }
        }
    }
    // at an edge or on a ridge the curvature says nothing of the spread
    let variances = if converged { variances(&here) } else { None };
    Climb { at, height: here.value, evaluations, variances }
}

fn norm<const N: usize>(g: &[f64; N]) -> f64 {
    g.iter().map(|v| v * v).sum()
}

/// Newton's step among the free parameters; `None` where the damped surface does not curve down.
#[expect(clippy::indexing_slicing, reason = "every index is below N")]
fn uphill<const N: usize>(s: &Surface<N>, free: [bool; N], damping: f64) -> Option<[f64; N]> {
    let mut down = [[0.0; N]; N];
    let mut slope = [0.0; N];
    for i in 0..N {
        down[i][i] = 1.0;
        if !free[i] {
            continue;
        }
        slope[i] = s.gradient[i];
        for j in (0..N).filter(|&j| free[j]) {
            down[i][j] = -s.hessian[i][j];
        }
        down[i][i] += damping * s.hessian[i][i].abs().max(1e-3);
    }
    Some(solve(&cholesky(&down)?, slope))
}

/// The diagonal of the inverse of the information; `None` where it is singular, or so nearly that the
/// logarithms are known to a hundred and worse: then nothing is known of the parameters.
fn variances<const N: usize>(s: &Surface<N>) -> Option<[f64; N]> {
    let factor = cholesky(&s.hessian.map(|row| row.map(|v| -v)))?;
    let mut out = [0.0; N];
    for (i, out) in out.iter_mut().enumerate() {
        let mut unit = [0.0; N];
        if let Some(one) = unit.get_mut(i) {
            *one = 1.0;
        }
        *out = solve(&factor, unit).get(i).copied()?;
    }
    out.iter().all(|v| *v > 0.0 && *v < 1e4).then_some(out)
}

/// The lower factor of a symmetric matrix; `None` unless it is safely positive definite.
#[expect(clippy::indexing_slicing, reason = "every index is below N")]
fn cholesky<const N: usize>(m: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut l = [[0.0; N]; N];
    for i in 0..N {
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
#[expect(clippy::indexing_slicing, reason = "every index is below N")]
fn solve<const N: usize>(l: &[[f64; N]; N], y: [f64; N]) -> [f64; N] {
    let mut x = y;
    for i in 0..N {
        for k in 0..i {
            x[i] -= l[i][k] * x[k];
        }
        x[i] /= l[i][i];
    }
    for i in (0..N).rev() {
        for k in i + 1..N {
            x[i] -= l[k][i] * x[k];
        }
        x[i] /= l[i][i];
    }
    x
}

#[cfg(test)]
mod with_argmin;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Requires the derivatives of a likelihood to be those of its values.
    #[track_caller]
    pub(crate) fn derivatives_agree<const N: usize>(
        of: impl Fn([f64; N]) -> Surface<N>,
        at: [f64; N],
    ) {
        let here = of(at);
        for i in 0..N {
            let step = 1e-5 * at[i];
            let side = |by: f64| {
                let mut p = at;
                p[i] += by;
                of(p)
            };
            let (up, down) = (side(step), side(-step));
            let slope = (up.value - down.value) / (2.0 * step);
            let rounding = 1e-10 * (here.value.abs() + 1.0) / step;
            let tolerance = 1e-6 * (1.0 + here.gradient[i].abs()) + rounding;
            assert!(
                (slope - here.gradient[i]).abs() < tolerance,
                "{at:?} {i}: {slope} {}",
                here.gradient[i]
            );
            for j in 0..N {
                let curve = (up.gradient[j] - down.gradient[j]) / (2.0 * step);
                let want = here.hessian[i][j];
                let tolerance = 1e-5 * (1.0 + want.abs()) + 1e-10 * here.gradient[j].abs() / step;
                assert!((curve - want).abs() < tolerance, "{at:?} {i}{j}: {curve} {want}");
            }
        }
    }

    #[test]
    fn a_hill_is_climbed_from_afar_and_a_slope_to_its_edge() {
        // −(ln p − 1)² − (ln q + 2)², over the parameters
        let hill = |[p, q]: [f64; 2]| {
            let (u, v) = (p.ln() - 1.0, q.ln() + 2.0);
            Surface {
                value: -u * u - v * v,
                gradient: [-2.0 * u / p, -2.0 * v / q],
                hessian: [[(2.0 * u - 2.0) / (p * p), 0.0], [0.0, (2.0 * v - 2.0) / (q * q)]],
            }
        };
        derivatives_agree(hill, [3.0, 0.7]);
        let top = maximise([&()], |()| 1.0, |(), p| hill(p), [[9.0, 9.0], [-8.0, 3.0]], 0.0);
        let top = top.expect("a sample");
        assert!(top.edge == [0, 0] && top.ll.abs() < 1e-18);
        assert!((top.parameters[0].ln() - 1.0).abs() < 1e-9, "{top:?}");
        // the curvature of the logarithms is −2
        assert!(top.log_se.expect("converged").iter().all(|se| (se - 0.5_f64.sqrt()).abs() < 1e-9));
        let slope = |[p]: [f64; 1]| Surface {
            value: p.ln(),
            gradient: [1.0 / p],
            hessian: [[-1.0 / (p * p)]],
        };
        let top = maximise([&()], |()| 1.0, |(), p| slope(p), [[0.0]], 0.0).expect("a sample");
        assert!(top.edge == [1] && top.log_se.is_none());
    }
}
