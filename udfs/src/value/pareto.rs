//! Pareto/NBD: what a fitted model says of one customer, and its likelihood.
//!
//! While alive, a customer buys at random moments at a rate `λ ~ Gamma(r, α)`, and leaves at a random
//! moment at a rate `μ ~ Gamma(s, β)` (Schmittlein, Morrison & Colombo, "Counting Your Customers",
//! Management Science 33, 1987). Of a customer with `x` purchases, the last at `tx`, observed up to `t`,
//! the likelihood is, but for a factor of `x`, `(α+t)^−(r+x) (β+t)^−s` for one who is alive plus the
//! integral of `s (α+τ)^−(r+x) (β+τ)^−(s+1)` over the moments `τ` from `tx` to `t` for one who left
//! then. The published form is a difference of two hypergeometric functions, which cancel and
//! overflow; here the integral is taken as it is, over the logarithm of the time, in which its logarithm
//! is concave and all terms are positive. O(1) a customer: sixteen nodes for most, some hundreds at
//! worst.

use super::core::{Customer, logistic};
use super::counts::{Counts, ln_ways};
use super::estimate::Estimate;
use super::fit::THINNED;
use super::gamma::gamma;
use super::newton::{Surface, Top, maximise};
use super::quadrature::{exponential_integral, integrate};
use super::rows::Rows;
use super::sample::Sample;

/// A fitted model; all four parameters are positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pareto {
    pub r: f64,
    pub alpha: f64,
    pub s: f64,
    pub beta: f64,
}

/// Names of the parameters.
pub(crate) const PARAMETERS: [&str; 4] = ["r", "alpha", "s", "beta"];

impl Pareto {
    /// Calls `add(τ, weight)` for the nodes of the integral from `tx` to `t`; the weights are relative
    /// to `(α+tx)^−(r+x) (β+tx)^−s` and come with the time since `tx` in place of `τ`.
    fn moments(&self, c: Customer, mut add: impl FnMut(f64, f64)) {
        let (buy, leave) = (self.r + c.x, self.s + 1.0);
        let (at_alpha, at_beta) = (self.alpha + c.tx, self.beta + c.tx);
        // the logarithm of the lesser is the variable
        let ((near, power), (far, other)) = if at_alpha < at_beta {
            ((at_alpha, buy), (at_beta, leave))
        } else {
            ((at_beta, leave), (at_alpha, buy))
        };
        let width = ((c.t - c.tx) / near).ln_1p();
        let share = near / far;
        let since = |w: f64| near * w.exp_m1();
        let log = |w: f64| w * (1.0 - power) - other * (since(w) / far).ln_1p();
        let fall = |w: f64| {
            let grown = share * w.exp();
            power - 1.0 + other * grown / (1.0 - share + grown)
        };
        let scale = self.s / at_beta * near;
        integrate(width, fall, log, |w, weight| add(since(w), scale * weight * log(w).exp()));
    }

    /// The integral from `tx` to `t`, relative to `(α+tx)^−(r+x) (β+tx)^−s`.
    fn gone(&self, c: Customer) -> f64 {
        let mut sum = 0.0;
        self.moments(c, |_, weight| sum += weight);
        sum
    }

    /// The logarithm of `(α+t)^−(r+x) (β+t)^−s`, relative to its value at `tx`.
    fn log_alive(&self, c: Customer) -> f64 {
        let silence = c.t - c.tx;
        -(self.r + c.x) * (silence / (self.alpha + c.tx)).ln_1p()
            - self.s * (silence / (self.beta + c.tx)).ln_1p()
    }

    /// The probability that the customer has not left.
    pub(crate) fn p_alive(&self, c: Customer) -> f64 {
        logistic(self.log_alive(c) - self.gone(c).ln())
    }

    /// The probability that the customer buys nothing in `(t, t + h]`; `None`: ever again.
    pub(crate) fn churn(&self, c: Customer, h: Option<f64>) -> f64 {
        let odds = self.gone(c).ln() - self.log_alive(c);
        // alive and silent, or leaving without another purchase, as if the last one had been now
        let silent = h.map_or(0.0, |h| {
            let next = Customer { tx: c.t, t: c.t + h, ..c };
            self.log_alive(next).exp() + self.gone(next)
        });
        (logistic(odds) + logistic(-odds) * silent).min(1.0)
    }

    /// The number of purchases expected in `(t, t + h]` of a customer who is alive at `t`.
    pub(crate) fn mean_if_alive(&self, c: Customer, h: f64) -> f64 {
        let rate = (self.r + c.x) / (self.alpha + c.t);
        let (longer, power) = ((h / (self.beta + c.t)).ln_1p(), self.s - 1.0);
        let share = if power == 0.0 { longer } else { -(-power * longer).exp_m1() / power };
        (rate * (self.beta + c.t) * share).clamp(0.0, f64::MAX)
    }

    /// The probability of exactly `n` purchases in `(t, t + h]` of a customer who is alive at `t`.
    ///
    /// Alive to the end, or leaving at some moment after so many purchases: an integral over the
    /// logarithm of the moment, to both sides of where it is greatest.
    pub(crate) fn count_if_alive(&self, c: Customer, n: f64, h: f64) -> f64 {
        let (s, at_alpha, at_beta) = (self.r + c.x, self.alpha + c.t, self.beta + c.t);
        let stays =
            Counts::new(s, h / at_alpha).exactly(n) * (-self.s * (h / at_beta).ln_1p()).exp();
        if h <= 0.0 {
            return stays;
        }
        // moments are e^−w of the horizon
        let moment = |w: f64| h * (-w).exp();
        let fall = |w: f64| {
            let m = moment(w);
            n + 1.0 - (s + n) * m / (at_alpha + m) - (self.s + 1.0) * m / (at_beta + m)
        };
        let ways = ln_ways(s, n);
        let log = |w: f64| {
            let m = moment(w);
            let bought = ways + Counts::new(s, m / at_alpha).ln_of_one_way(n);
            bought - self.s * (m / at_beta).ln_1p() - (at_beta / m).ln_1p()
        };
        let (mut peak, mut beyond) = (0.0, 0.0);
        if fall(0.0) < 0.0 {
            beyond = 2.0;
            while fall(beyond) < 0.0 {
                beyond *= 2.0;
            }
        }
        for _ in 0..40 {
            let middle = 0.5 * (peak + beyond);
            if fall(middle) < 0.0 { peak = middle } else { beyond = middle }
        }
        let mut gone = 0.0;
        let earlier = |w: f64| log(peak + w);
        integrate(
            f64::INFINITY,
            |w| fall(peak + w),
            earlier,
            |w, weight| {
                gone += weight * earlier(w).exp();
            },
        );
        let later = |w: f64| log(peak - w);
        integrate(peak, |w| -fall(peak - w), later, |w, weight| gone += weight * later(w).exp());
        stays + self.s * gone
    }

    /// The number of purchases expected ever, if alive, each discounted by e^−delta for a unit of time.
    pub(crate) fn residual_if_alive(&self, c: Customer, delta: f64) -> f64 {
        let at_beta = self.beta + c.t;
        (self.r + c.x) / (self.alpha + c.t)
            * at_beta
            * exponential_integral(self.s, delta * at_beta)
    }
}

/// The model that makes the legal `rows` most likely; as `fit` of BG/NBD. `None`: no rows.
pub(crate) fn fit(rows: &mut Rows, l2: f64) -> Option<Estimate> {
    if rows.len() == 0 {
        return None;
    }
    let sample = Sample::new(rows);
    let thinned = THINNED.iter().filter_map(|most| sample.thinned(*most)).collect::<Vec<_>>();
    let starts = starts(sample.rate);
    let mut top = match nobody_bought(&sample, starts, l2) {
        Some(top) => top,
        None => {
            let samples = thinned.iter().chain([&sample]);
            maximise(samples, |s| s.weight, log_likelihood, starts, l2)?
        }
    };
    top.ll += sample.log_scale;
    let estimate = Estimate::of(&top, PARAMETERS).because(sample.poverty());
    Some(estimate.scaled(1, sample.scale).scaled(3, sample.scale))
}

/// Logarithms of parameters to start from: few and many who leave, sooner and later.
pub(super) fn starts(rate: f64) -> [[f64; 4]; 4] {
    [(0.5, 0.6, 0.3), (2.0, 0.3, 1.0), (0.3, 2.0, 2.0), (1.0, 8.0, 1.0)]
        .map(|(r, s, beta): (f64, f64, f64)| [r.ln(), (r / rate).ln(), s.ln(), beta.ln()])
}

/// Of customers nobody of whom bought again any model is as likely as another that says so, and a climb
/// goes along their ridge up to its last evaluation: one over a few customers tells as much as one over
/// all. `None`: somebody did, or there is a top after all.
fn nobody_bought(sample: &Sample, starts: [[f64; 4]; 4], l2: f64) -> Option<Top<4>> {
    /// distinct rows to climb over
    const FEW: usize = 64;
    if sample.bought > 0.0 || l2 > 0.0 {
        return None;
    }
    let rough = sample.thinned(FEW)?;
    let mut top = maximise([&rough], |s| s.weight, log_likelihood, starts, l2)?;
    if top.log_se.is_some() {
        return None;
    }
    top.ll = log_likelihood(sample, top.parameters).value;
    top.iterations += 1;
    Some(top)
}

/// The log-likelihood of `sample` for the parameters `[r, alpha, s, beta]` in scaled time, with its
/// derivatives by them.
///
/// A customer's likelihood is a sum over ends: one for each moment of leaving, one for being alive.
/// The derivatives of its logarithm are means over the ends, weighted by their shares: the gradient that
/// of the gradients, the Hessian that of the Hessians plus the covariance of the gradients.
pub(crate) fn log_likelihood(sample: &Sample, [r, alpha, s, beta]: [f64; 4]) -> Surface<4> {
    let model = Pareto { r, alpha, s, beta };
    let at_r = gamma(r);
    let mut sum = Surface::<4>::ZERO;
    for block in &sample.blocks {
        let (x, n, power) = (block.x, block.weight, r + block.x);
        let at_x = gamma(power);
        sum.value += n * (at_x.ln - at_r.ln + r * alpha.ln() + s * beta.ln());
        sum.gradient[0] += n * (at_x.digamma - at_r.digamma + alpha.ln());
        sum.gradient[1] += n * r / alpha;
        sum.gradient[2] += n * beta.ln();
        sum.gradient[3] += n * s / beta;
        sum.hessian[0][0] += n * (at_x.trigamma - at_r.trigamma);
        sum.hessian[0][1] += n / alpha;
        sum.hessian[1][1] -= n * r / (alpha * alpha);
        sum.hessian[2][3] += n / beta;
        sum.hessian[3][3] -= n * s / (beta * beta);
        for row in sample.rows(block) {
            let c = Customer { x, tx: sample.times.get(row.tx), t: sample.times.get(row.t) };
            let (near_alpha, near_beta) = (alpha + c.tx, beta + c.tx);
            // of the slopes by r and s what all ends share is left out, since it has no covariance
            let mut ends = Ends::default();
            let behind = |since: f64| {
                (
                    [(since / near_alpha).ln_1p(), 1.0 / (near_alpha + since)],
                    [(since / near_beta).ln_1p(), 1.0 / (near_beta + since)],
                )
            };
            let alive = model.log_alive(c).exp();
            let ([log_a, inv_a], [log_b, inv_b]) = behind(c.t - c.tx);
            ends.add(alive, [-log_a, -power * inv_a, -log_b, -s * inv_b]);
            ends.curve(alive, inv_a, power, inv_b, s);
            model.moments(c, |since, share| {
                let ([log_a, inv_a], [log_b, inv_b]) = behind(since);
                let next = s + 1.0;
                ends.add(share, [-log_a, -power * inv_a, 1.0 / s - log_b, -next * inv_b]);
                ends.curve(share, inv_a, power, inv_b, next);
                ends.left += share;
            });
            ends.close(row.weight, s, [near_alpha.ln(), near_beta.ln()], &mut sum);
            sum.value -= row.weight * (power * near_alpha.ln() + s * near_beta.ln());
        }
    }
    sum.mirror();
    sum
}

/// Sums over the ends of one customer.
#[derive(Debug, Default)]
struct Ends {
    total: f64,
    left: f64,
    slope: [f64; 4],
    /// of products of slopes, above the diagonal
    square: [[f64; 4]; 4],
    /// of second derivatives: by r and alpha, alpha twice, s and beta, beta twice
    curve: [f64; 4],
}

#[expect(clippy::indexing_slicing, reason = "every index is below 4")]
impl Ends {
    #[inline]
    fn add(&mut self, share: f64, slope: [f64; 4]) {
        self.total += share;
        for i in 0..4 {
            let part = share * slope[i];
            self.slope[i] += part;
            for (square, slope) in self.square[i].iter_mut().zip(slope).skip(i) {
                *square += part * slope;
            }
        }
    }

    #[inline]
    fn curve(&mut self, share: f64, inv_a: f64, power: f64, inv_b: f64, next: f64) {
        self.curve[0] -= share * inv_a;
        self.curve[1] += share * power * inv_a * inv_a;
        self.curve[2] -= share * inv_b;
        self.curve[3] += share * next * inv_b * inv_b;
    }

    fn close(&self, weight: f64, s: f64, logs: [f64; 2], sum: &mut Surface<4>) {
        let share = weight / self.total;
        sum.value += weight * self.total.ln();
        for i in 0..4 {
            sum.gradient[i] += share * self.slope[i];
            for j in i..4 {
                sum.hessian[i][j] +=
                    share * (self.square[i][j] - self.slope[i] * self.slope[j] / self.total);
            }
        }
        sum.gradient[0] -= weight * logs[0];
        sum.gradient[2] -= weight * logs[1];
        sum.hessian[0][1] += share * self.curve[0];
        sum.hessian[1][1] += share * self.curve[1];
        sum.hessian[2][2] -= share * self.left / (s * s);
        sum.hessian[2][3] += share * self.curve[2];
        sum.hessian[3][3] += share * self.curve[3];
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::fit::tests::{AN_ANSWER, cdnow, degenerate};
    use super::super::newton::tests::derivatives_agree;
    use super::super::rows::Row;
    use super::*;

    #[track_caller]
    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance * want.abs(), "{got}, not {want}");
    }

    #[test]
    fn the_derivatives_are_those_of_the_value() {
        let sample = Sample::new(&mut cdnow().into_iter().collect());
        for at in [[0.3, 0.1, 0.8, 2.4], [2.0, 0.5, 0.05, 0.3], [40.0, 3.0, 12.0, 3.0]] {
            derivatives_agree(|p| log_likelihood(&sample, p), at);
        }
    }

    #[test]
    fn cdnow_gives_the_published_model() {
        let got = fit(&mut cdnow().into_iter().collect(), 0.0).expect("rows");
        assert_eq!(got.trouble, None);
        // the ridge is flat: digits beyond these depend on the rounding of the times
        for (got, want) in got.parameters.iter().zip([0.553275, 10.577612, 0.606213, 11.667909]) {
            close(*got, want, 1e-3);
        }
        assert!((got.ll + 9594.9762).abs() < 1e-3, "{}", got.ll);
    }

    #[test]
    fn published_figures() {
        let m = Pareto { r: 0.553275, alpha: 10.577612, s: 0.606213, beta: 11.667909 };
        let c = Customer { x: 26.0, tx: 30.86, t: 31.0 };
        close(m.p_alive(c), 0.997918, 1e-6);
        close(m.p_alive(c) * m.mean_if_alive(c, 52.0), 25.456548, 1e-6);
        let paper = Pareto { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 };
        let delta = 1.15_f64.ln() / 52.0;
        for (x, tx, t, want) in [
            (0.0, 0.0, 38.86, 0.478458),
            (1.0, 35.0, 38.86, 4.322931),
            (7.0, 35.0, 38.86, 20.716083),
            (14.0, 35.0, 38.86, 38.946875),
            (26.0, 30.86, 31.0, 86.289889),
        ] {
            let c = Customer { x, tx, t };
            close(paper.p_alive(c) * paper.residual_if_alive(c, delta), want, 1.1e-6);
        }
    }

    #[test]
    fn degenerate_data_ends_quickly_with_finite_figures() {
        for (i, set) in degenerate().into_iter().enumerate() {
            let begin = Instant::now();
            let got = fit(&mut set.iter().copied().collect(), 0.0).expect("rows");
            assert!(begin.elapsed() < AN_ANSWER, "set {i}");
            assert!(got.ll.is_finite(), "set {i}: {got:?}");
            assert!(got.parameters.iter().all(|v| v.is_finite() && *v > 0.0), "set {i}: {got:?}");
            assert!(set[0] != set[set.len() - 1] || got.trouble.is_some(), "set {i}: {got:?}");
        }
    }

    #[test]
    fn where_nobody_bought_again_many_ages_take_no_longer() {
        let rows = (1..=20_000).map(|t| Customer { x: 0.0, tx: 0.0, t: f64::from(t) });
        let begin = Instant::now();
        let got = fit(&mut rows.map(Row::one).collect(), 0.0).expect("rows");
        assert!(begin.elapsed() < AN_ANSWER);
        assert!(got.ll.abs() < 1e-3 && got.se.is_none(), "{got:?}");
        assert!(got.parameters.iter().all(|v| v.is_finite() && *v > 0.0), "{got:?}");
        let trouble = got.trouble.expect("not converged");
        assert!(trouble.starts_with("nobody bought again; "), "{trouble}");
    }

    #[test]
    fn probabilities_stay_in_range_and_rise_with_recency() {
        for (r, alpha, s, beta) in
            [(0.55, 10.6, 0.6, 11.7), (1e-4, 1e-3, 1e4, 1e-3), (900.0, 1e5, 1e-5, 1e4)]
        {
            let m = Pareto { r, alpha, s, beta };
            for x in [1.0, 7.0, 1e3, 1e6] {
                let mut last = 0.0;
                for i in 0..=40 {
                    let c = Customer { x, tx: f64::from(i) * 2.5e3, t: 1e5 };
                    let p = m.p_alive(c);
                    assert!((0.0..=1.0).contains(&p), "{m:?} {c:?}: {p}");
                    assert!(p >= last * (1.0 - 1e-12), "{m:?} {c:?}: {p} after {last}");
                    last = p;
                    let mut silent = 1.0;
                    for h in [0.0, 1.0, 1e5, 1e300] {
                        let (churn, n) = (m.churn(c, Some(h)), m.mean_if_alive(c, h));
                        assert!(
                            (0.0..=silent + 1e-12).contains(&churn),
                            "{m:?} {c:?} {h}: {churn}"
                        );
                        assert!(churn >= m.churn(c, None) - 1e-12 && n.is_finite() && n >= 0.0);
                        silent = churn;
                    }
                }
            }
        }
    }
}
