//! Contracts: sBG and BdW, which say how many of those who must renew will leave.
//!
//! At the end of every period a customer renews or leaves; who leaves does so with a probability that
//! is Beta(α, β) among customers and does not change (sBG: Fader & Hardie, "How to Project Customer
//! Retention", Journal of Interactive Marketing 21, 2007), or whose chance changes with the periods as
//! their power `c` (BdW: Fader, Hardie, Liu, Davin & Steenburgh, "How to Project Customer Retention
//! Revisited", Journal of Interactive Marketing 43, 2018). The share that survives `n` renewals is
//! `B(α, β + n^c) / B(α, β)`, with `c = 1` in sBG. O(1), O(periods) where the future is added up.

use super::core::Customer;
use super::estimate::Estimate;
use super::fit::weightless;
use super::gamma::{Gamma, gamma, ln_gamma_ratio};
use super::newton::{Surface, maximise};
use super::quadrature::beta_mean;
use super::rows::{Row, Rows};
use crate::fitting::faults::Fault;

/// A fitted model; all parameters are positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Contract {
    pub alpha: f64,
    pub beta: f64,
    /// 1 in sBG
    pub c: f64,
}

/// Names of the parameters; sBG has the first two.
pub(crate) const PARAMETERS: [&str; 3] = ["alpha", "beta", "c"];

impl Contract {
    /// The logarithm of the probability to survive `m` more renewals after `n`.
    fn log_survival(&self, n: f64, m: f64) -> f64 {
        if self.c == 1.0 && m <= 32.0 && m.fract() == 0.0 {
            let (mut sum, mut at) = (0.0, self.alpha + self.beta + n);
            while at < self.alpha + self.beta + n + m - 0.5 {
                sum += (-self.alpha / at).ln_1p();
                at += 1.0;
            }
            return sum;
        }
        let [from, to] = [n, n + m].map(|n| if self.c == 1.0 { n } else { n.powf(self.c) });
        // B(α, β + to) / B(α, β + from)
        ln_gamma_ratio(self.beta + from, self.alpha) - ln_gamma_ratio(self.beta + to, self.alpha)
    }

    /// The probability that somebody who has renewed `n` times renews `m` times more.
    pub(crate) fn survival(&self, n: f64, m: f64) -> f64 {
        self.log_survival(n, m).exp().min(1.0)
    }

    /// The probability that somebody who has renewed `n` times has left within `m` more periods; `None`:
    /// ever, which is certain.
    pub(crate) fn churn(&self, n: f64, m: Option<f64>) -> f64 {
        // 0 less what is lost, so that nothing lost is no negative zero
        m.map_or(1.0, |m| 0.0 - self.log_survival(n, m).exp_m1()).clamp(0.0, 1.0)
    }

    /// The probability that somebody who has renewed `n` times renews exactly `k` times within `m` more
    /// periods.
    pub(crate) fn exactly(&self, n: f64, k: f64, m: f64) -> f64 {
        let m = m.floor();
        if k > m {
            return 0.0;
        }
        let leaves = if k < m { self.churn(n + k, Some(1.0)) } else { 1.0 };
        self.survival(n, k) * leaves
    }

    /// The renewals expected within `m` periods of somebody who has renewed `n` times.
    pub(crate) fn renewals(&self, n: f64, m: f64) -> f64 {
        /// periods that are added up one by one; many more than any contract has
        const MOST: f64 = 1e5;
        let (mut sum, mut survival, mut k, last) = (0.0, 1.0, 1.0, m.floor().min(MOST));
        while k <= last {
            survival = if self.c == 1.0 {
                let stay = self.beta + n + k - 1.0;
                survival * (stay / (stay + self.alpha))
            } else {
                self.survival(n, k)
            };
            sum += survival;
            k += 1.0;
            if survival <= 1e-18 * sum {
                break;
            }
        }
        sum
    }

    /// The renewals expected ever of somebody who has renewed `n − 1` times and is about to decide
    /// again, each discounted by e^−delta a period, the first of them not.
    pub(crate) fn residual(&self, n: f64, delta: f64) -> f64 {
        if self.c == 1.0 {
            // the mean of (1 − θ) / (1 − (1 − θ)·e^−δ) over θ ~ Beta(α, β + n − 1)
            let saved = -(-delta).exp_m1();
            return beta_mean(self.alpha, self.beta + n - 1.0, saved.ln(), 0.0, |y| {
                1.0 / (y.exp() + saved)
            });
        }
        let (mut sum, mut k) = (0.0, 1.0);
        while k < 1e6 {
            let part = (self.log_survival(n - 1.0, k) - delta * (k - 1.0)).exp();
            sum += part;
            k += 1.0;
            if part <= 1e-17 * sum {
                break;
            }
        }
        sum
    }
}

/// A customer as a row: that he left stands in the place of `x`, the periods in that of `t`.
pub(crate) fn row(periods: f64, churned: f64) -> Customer {
    Customer { x: churned, tx: 0.0, t: periods }
}

/// What keeps a row from being a customer under contract: whole periods, one at least for who left.
pub(crate) fn fault(row: &Row) -> Option<Fault> {
    let Customer { x: churned, t: periods, .. } = row.customer;
    if !(periods >= 0.0 && periods.is_finite()) {
        Some(Fault::NotFinite)
    } else if periods.fract() != 0.0 {
        Some(Fault::NotWhole)
    } else if periods < churned {
        Some(Fault::NoPeriod)
    } else {
        weightless(row)
    }
}

/// Customers who left in the same period, or are still there after it.
#[derive(Debug, Clone, Copy)]
struct Alike {
    left: bool,
    periods: f64,
    weight: f64,
}

/// sBG for the legal `rows`. `None`: no rows.
pub(crate) fn fit_sbg(rows: &mut Rows, l2: f64) -> Option<Estimate> {
    let (alike, poverty) = group(rows)?;
    let likelihood = |alike: &Vec<Alike>, p: [f64; 2]| sbg_likelihood(alike, p);
    let starts = [[1.0, 1.0], [0.5, 4.0], [5.0, 20.0], [3.0, 0.5]].map(|s| s.map(f64::ln));
    let top = maximise([&alike], |all| total(all), likelihood, starts, l2)?;
    Some(Estimate::of(&top, ["alpha", "beta"]).because(poverty))
}

/// BdW for the legal `rows`. `None`: no rows.
pub(crate) fn fit_bdw(rows: &mut Rows, l2: f64) -> Option<Estimate> {
    let (alike, poverty) = group(rows)?;
    let likelihood = |alike: &Vec<Alike>, p: [f64; 3]| bdw_likelihood(alike, p);
    let starts = [[1.0, 1.0, 1.0], [0.5, 4.0, 1.0], [5.0, 20.0, 0.7], [0.5, 2.0, 1.5]]
        .map(|s| s.map(f64::ln));
    let top = maximise([&alike], |all| total(all), likelihood, starts, l2)?;
    let mut estimate = Estimate::of(&top, PARAMETERS).because(poverty);
    // where nobody left it is 0, and rounding may go beyond
    estimate.ll = estimate.ll.min(0.0);
    Some(estimate)
}

fn total(alike: &[Alike]) -> f64 {
    alike.iter().map(|a| a.weight).sum()
}

fn group(rows: &mut Rows) -> Option<(Vec<Alike>, Option<&'static str>)> {
    let mut alike: Vec<Alike> = vec![];
    rows.in_order(|Row { customer, weight, .. }| {
        let (left, periods) = (customer.x > 0.0, customer.t);
        match alike.last_mut() {
            Some(last) if last.left == left && last.periods == periods => last.weight += weight,
            _ => alike.push(Alike { left, periods, weight }),
        }
    });
    let many = alike.len();
    let gone = alike.iter().filter(|a| a.left).count();
    let poverty = match gone {
        0 => Some("nobody left"),
        _ if gone == many => Some("everybody left"),
        1 => Some("all who left did so in one period"),
        _ => None,
    };
    (many > 0).then_some((alike, poverty))
}

/// [`log_share`] of those who leave after surviving `n`: `B(α + 1, β + n)` is
/// `B(α, β + n)·α / (α + β + n)`.
pub(crate) fn log_share_leaving(alpha: f64, beta: f64, n: f64, at: (Gamma, Gamma)) -> Surface<2> {
    let mut part = log_share(alpha, beta, n, at);
    let all = alpha + beta + n;
    part.value += (alpha / all).ln();
    part.gradient[0] += 1.0 / alpha - 1.0 / all;
    part.gradient[1] -= 1.0 / all;
    let square = 1.0 / (all * all);
    part.hessian[0][0] += square - 1.0 / (alpha * alpha);
    part.hessian[0][1] += square;
    part.hessian[1][0] += square;
    part.hessian[1][1] += square;
    part
}

/// `ln B(α, β + n) − ln B(α, β)` as a function of `α`, `β` with its derivatives; `at` are the gammas of
/// `α + β` and `β`.
pub(crate) fn log_share(alpha: f64, beta: f64, n: f64, at: (Gamma, Gamma)) -> Surface<2> {
    let (at_beta, at_both) = (gamma(beta + n), gamma(alpha + beta + n));
    let both = at.0.digamma - at_both.digamma;
    let both_2 = at.0.trigamma - at_both.trigamma;
    Surface {
        value: at_beta.ln - at_both.ln + at.0.ln - at.1.ln,
        gradient: [both, both + at_beta.digamma - at.1.digamma],
        hessian: [[both_2, both_2], [both_2, both_2 + at_beta.trigamma - at.1.trigamma]],
    }
}

/// The log-likelihood of sBG for `[alpha, beta]` with its derivatives.
#[expect(clippy::indexing_slicing, reason = "every index is below 2")]
fn sbg_likelihood(alike: &[Alike], [alpha, beta]: [f64; 2]) -> Surface<2> {
    let at = (gamma(alpha + beta), gamma(beta));
    let mut sum = Surface::<2>::ZERO;
    for row in alike {
        let w = row.weight;
        let part = if row.left {
            log_share_leaving(alpha, beta, row.periods - 1.0, at)
        } else {
            log_share(alpha, beta, row.periods, at)
        };
        sum.value += w * part.value;
        for i in 0..2 {
            sum.gradient[i] += w * part.gradient[i];
            for j in i..2 {
                sum.hessian[i][j] += w * part.hessian[i][j];
            }
        }
    }
    sum.mirror();
    sum
}

/// The logarithm of the share that BdW lets survive `n`, by `[alpha, beta, c]`.
#[expect(clippy::indexing_slicing, reason = "every index is below 3")]
fn log_share_of_power(alpha: f64, beta: f64, c: f64, n: f64, at: (Gamma, Gamma)) -> Surface<3> {
    let mut out = Surface::<3>::ZERO;
    if n == 0.0 {
        return out;
    }
    let power = n.powf(c);
    let two = log_share(alpha, beta, power, at);
    out.value = two.value;
    for i in 0..2 {
        out.gradient[i] = two.gradient[i];
        for j in 0..2 {
            out.hessian[i][j] = two.hessian[i][j];
        }
    }
    // by the power itself, then by c
    let (at_beta, at_both) = (gamma(beta + power), gamma(alpha + beta + power));
    let (first, second) = (at_beta.digamma - at_both.digamma, at_beta.trigamma - at_both.trigamma);
    let by_c = power * n.ln();
    out.gradient[2] = first * by_c;
    out.hessian[0][2] = -at_both.trigamma * by_c;
    out.hessian[1][2] = second * by_c;
    out.hessian[2][2] = second * by_c * by_c + first * by_c * n.ln();
    out
}

/// The log-likelihood of BdW for `[alpha, beta, c]` with its derivatives.
#[expect(clippy::indexing_slicing, reason = "every index is below 3")]
fn bdw_likelihood(alike: &[Alike], [alpha, beta, c]: [f64; 3]) -> Surface<3> {
    let at = (gamma(alpha + beta), gamma(beta));
    let mut sum = Surface::<3>::ZERO;
    for row in alike {
        let w = row.weight;
        let after = log_share_of_power(alpha, beta, c, row.periods, at);
        // who left is there after the period before and not after this one
        let (before, shares) = if row.left {
            let before = log_share_of_power(alpha, beta, c, row.periods - 1.0, at);
            // 1 − S(n)/S(n−1), which rounding must not make 0
            let left = (-(after.value - before.value).exp_m1()).max(f64::MIN_POSITIVE);
            sum.value += w * (before.value + left.ln());
            (before, [1.0 / left, 1.0 - 1.0 / left])
        } else {
            sum.value += w * after.value;
            (after, [0.0, 1.0])
        };
        let mut slope = [0.0; 3];
        for (i, slope) in slope.iter_mut().enumerate() {
            *slope = shares[0] * before.gradient[i] + shares[1] * after.gradient[i];
            sum.gradient[i] += w * *slope;
        }
        for i in 0..3 {
            for j in i..3 {
                let part = |share: f64, of: &Surface<3>| {
                    share * (of.hessian[i][j] + of.gradient[i] * of.gradient[j])
                };
                let both = part(shares[0], &before) + part(shares[1], &after);
                sum.hessian[i][j] += w * (both - slope[i] * slope[j]);
            }
        }
    }
    sum.mirror();
    sum
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::fit::tests::AN_ANSWER;
    use super::super::newton::tests::derivatives_agree;
    use super::*;

    /// The two segments of the paper: customers left after each renewal.
    const REGULAR: [f64; 8] = [1000.0, 631.0, 468.0, 382.0, 326.0, 289.0, 262.0, 241.0];
    const HIGH_END: [f64; 8] = [1000.0, 869.0, 743.0, 653.0, 593.0, 551.0, 517.0, 491.0];

    fn rows(left: [f64; 8]) -> Rows {
        let gone = (1..8_u8)
            .zip(left.windows(2))
            .map(|(n, two)| Row { weight: two[0] - two[1], ..Row::one(row(f64::from(n), 1.0)) });
        gone.chain([Row { weight: left[7], ..Row::one(row(7.0, 0.0)) }]).collect()
    }

    #[test]
    fn the_derivatives_are_those_of_the_value() {
        let (alike, _) = group(&mut rows(REGULAR)).expect("rows");
        for at in [[0.7, 1.2], [3.0, 20.0]] {
            derivatives_agree(|p| sbg_likelihood(&alike, p), at);
        }
        for at in [[0.7, 1.2, 1.0], [3.0, 20.0, 0.4], [0.2, 1.4, 1.7]] {
            derivatives_agree(|p| bdw_likelihood(&alike, p), at);
        }
    }

    #[test]
    fn the_papers_segments_give_the_published_models() {
        for (left, want, ll) in [
            (REGULAR, [0.704077, 1.182043], -1680.265188),
            (HIGH_END, [0.668088, 3.806095], -1611.158147),
        ] {
            let got = fit_sbg(&mut rows(left), 0.0).expect("rows");
            assert!(got.trouble.is_none() && (got.ll - ll).abs() < 1e-6, "{got:?}");
            for (got, want) in got.parameters.iter().zip(want) {
                assert!((got / want - 1.0).abs() < 1e-5, "{got}, not {want}");
            }
            // one parameter more cannot fit worse; c = 1 is the same model
            let more = fit_bdw(&mut rows(left), 0.0).expect("rows");
            assert!(more.ll > got.ll && more.trouble.is_none());
            let (alike, _) = group(&mut rows(left)).expect("rows");
            let [alpha, beta] = want;
            let one = bdw_likelihood(&alike, [alpha, beta, 1.0]).value;
            assert!((one - sbg_likelihood(&alike, want).value).abs() < 1e-9);
        }
    }

    #[test]
    fn the_discounted_residual_lifetime_is_the_published_one() {
        let m = Contract { alpha: 0.668, beta: 3.806, c: 1.0 };
        for (n, want) in [(1.0, 5.414856), (2.0, 5.901753), (5.0, 6.897057)] {
            let got = m.residual(n, 1.1_f64.ln());
            assert!((got - want).abs() < 1e-6, "{got}");
            // as a sum
            let sum: f64 = (1..4000_u16)
                .map(|k| m.survival(n - 1.0, f64::from(k)) * 1.1_f64.powi(1 - i32::from(k)))
                .sum();
            assert!((got / sum - 1.0).abs() < 1e-10, "{got} {sum}");
        }
    }

    #[test]
    fn degenerate_data_ends_quickly_with_finite_figures() {
        let sets: [Vec<(f64, f64)>; 8] = [
            vec![(1.0, 0.0)],
            vec![(1.0, 1.0)],
            vec![(3.0, 0.0); 50],
            vec![(3.0, 1.0); 50],
            vec![(1.0, 1.0), (1e5, 0.0)],
            vec![(1e5, 1.0), (1e5, 0.0)],
            (1..=60).map(|n| (f64::from(n), 1.0)).collect(),
            (1..=60).map(|n| (f64::from(n), f64::from(n % 2))).collect(),
        ];
        for (i, set) in sets.iter().enumerate() {
            let rows = || set.iter().map(|&(n, left)| Row::one(row(n, left))).collect();
            let begin = Instant::now();
            let fitted = [fit_sbg(&mut rows(), 0.0), fit_bdw(&mut rows(), 0.0)];
            assert!(begin.elapsed() < AN_ANSWER, "set {i}");
            for fitted in fitted {
                let fitted = fitted.expect("rows");
                assert!(fitted.ll.is_finite() && fitted.ll <= 0.0, "set {i}: {fitted:?}");
                let legal = |v: &f64| v.is_finite() && *v > 0.0;
                assert!(fitted.parameters.iter().all(legal), "set {i}: {fitted:?}");
                assert!(i > 3 || fitted.trouble.is_some(), "set {i}: {fitted:?}");
            }
        }
    }
}
