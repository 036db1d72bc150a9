//! BG/BB: customers who buy or do not at each of several opportunities.
//!
//! At each opportunity a customer who is alive buys with a probability that is Beta(α, β) among
//! customers; before each, a customer leaves for good with a probability that is Beta(γ, δ) (Fader,
//! Hardie & Shang, "Customer-Base Analysis in a Discrete-Time Noncontractual Setting", Marketing
//! Science 29, 2010). Of a customer with `x` purchases, the last at opportunity `tx` of `n`, the
//! likelihood is a sum over the opportunities before which the customer may have left, and being
//! alive. O(n − tx) a customer.

use super::contract::{Contract, log_share, log_share_leaving};
use super::core::Customer;
use super::counts::stays;
use super::ends::Ends;
use super::estimate::Estimate;
use super::fit::{THINNED, weightless};
use super::gamma::{Gamma, gamma};
use super::newton::{Surface, maximise};
use super::rows::{Row, Rows};
use super::sample::Sample;
use crate::fitting::faults::Fault;

/// A fitted model; all parameters are positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BgBb {
    pub alpha: f64,
    pub beta: f64,
    pub gamma: f64,
    pub delta: f64,
}

/// Names of the parameters.
pub(crate) const PARAMETERS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];

/// Opportunities that a fit takes at most.
const MOST: f64 = 1_000.0;

/// Opportunities that are looked ahead at most; many more than anybody has.
const MOST_AHEAD: f64 = 1e6;

/// What keeps a row from being a customer of `t` opportunities.
pub(crate) fn fault(row: &Row) -> Option<Fault> {
    let Customer { x, tx, t } = row.customer;
    if let Some(fault) = super::fit::fault(&Row::one(row.customer)) {
        Some(fault)
    } else if tx.fract() != 0.0 || t.fract() != 0.0 {
        Some(Fault::NotWhole)
    } else if x > tx {
        Some(Fault::TooMany)
    } else if t > MOST {
        Some(Fault::TooLong)
    } else {
        weightless(row)
    }
}

impl BgBb {
    fn leaving(&self) -> Contract {
        Contract { alpha: self.gamma, beta: self.delta, c: 1.0 }
    }

    /// Whether a customer is one of this model: whole numbers, and no more purchases than fit.
    pub(crate) fn speaks_of(c: Customer) -> bool {
        c.x.fract() == 0.0 && c.tx.fract() == 0.0 && c.t.fract() == 0.0 && c.x <= c.tx
    }

    /// The logarithm of the likelihood, relative to that of having been alive until `tx`.
    fn odds(&self, c: Customer) -> Odds {
        let Self { alpha, beta, gamma, delta } = *self;
        // one after the other: silent and alive until the opportunity before, leaving then
        let (mut alive, mut gone) = (1.0, 0.0);
        let mut at = c.tx;
        while at < c.t {
            let all = gamma + delta + at;
            gone += alive * gamma / all;
            // stays, and does not buy
            alive *= (delta + at) / all * ((beta + at - c.x) / (alpha + beta + at));
            at += 1.0;
            if alive < 1e-300 {
                break;
            }
        }
        Odds { alive, gone }
    }

    /// The probability that the customer is still there at the next opportunity.
    pub(crate) fn p_alive(&self, c: Customer) -> f64 {
        self.p_alive_now(c) * self.leaving().survival(c.t, 1.0)
    }

    /// The probability that the customer was there at the last opportunity.
    pub(crate) fn p_alive_now(&self, c: Customer) -> f64 {
        let Odds { alive, gone } = self.odds(c);
        alive / (alive + gone)
    }

    /// The probability that the customer buys nothing at the next `h` opportunities; `None`: has left.
    pub(crate) fn churn(&self, c: Customer, h: Option<f64>) -> f64 {
        let Some(h) = h else { return (1.0 - self.p_alive(c)).max(0.0) };
        let now = self.odds(c);
        let later = self.odds(Customer { t: c.t + h.floor().min(MOST_AHEAD), ..c });
        ((later.alive + later.gone) / (now.alive + now.gone)).min(1.0)
    }

    /// Purchases expected at the next `h` opportunities of who was there at the last.
    pub(crate) fn mean_if_alive(&self, c: Customer, h: f64) -> f64 {
        self.chance(c) * self.leaving().renewals(c.t, h)
    }

    /// The probability of exactly `n` purchases at the next `h` opportunities of who was there at the
    /// last.
    pub(crate) fn count_if_alive(&self, c: Customer, n: f64, h: f64) -> f64 {
        let h = h.floor().min(MOST_AHEAD);
        if n > h {
            return 0.0;
        }
        let (buys, passes, stay) = (self.alpha + c.x, self.beta + c.t - c.x, self.delta + c.t);
        // of the first `n` all bought at, then of one more each
        let mut made = stays(passes, buys, n);
        let (mut there, mut sum, mut at) = (stays(self.gamma, stay, n), 0.0, n);
        while at < h {
            let all = self.gamma + stay + at;
            sum += there * self.gamma / all * made;
            there *= (stay + at) / all;
            made *= (at + 1.0) / (at + 1.0 - n) * ((passes + at - n) / (buys + passes + at));
            at += 1.0;
            if there * made < 1e-18 * sum {
                return sum;
            }
        }
        sum + there * made
    }

    /// Purchases expected ever, if there at the last, each discounted by e^−rate for an opportunity.
    pub(crate) fn residual_if_alive(&self, c: Customer, rate: f64) -> f64 {
        self.chance(c) * (-rate).exp() * self.leaving().residual(c.t + 1.0, rate)
    }

    /// The probability to buy, while alive, of a customer who is alive at `t`.
    fn chance(&self, c: Customer) -> f64 {
        (self.alpha + c.x) / (self.alpha + self.beta + c.t)
    }
}

struct Odds {
    alive: f64,
    gone: f64,
}

/// The model that makes the legal `rows` most likely. `None`: no rows.
pub(crate) fn fit(rows: &mut Rows, l2: f64) -> Option<Estimate> {
    if rows.len() == 0 {
        return None;
    }
    let sample = Sample::new(rows);
    // a row costs as much as opportunities without a purchase
    let thinned = THINNED.iter().filter_map(|most| sample.thinned(*most)).collect::<Vec<_>>();
    let samples = thinned.iter().chain([&sample]);
    let starts =
        [[1.0, 1.0, 0.5, 2.0], [0.3, 2.0, 0.2, 4.0], [4.0, 4.0, 1.0, 10.0], [1.0, 8.0, 3.0, 3.0]]
            .map(|s: [f64; 4]| s.map(f64::ln));
    let top = maximise(samples, |s| s.weight, log_likelihood, starts, l2)?;
    Some(Estimate::of(&top, PARAMETERS).because(sample.poverty()))
}

/// What depends on a count of opportunities alone.
struct Tables {
    alive: Vec<Surface<2>>,
    leaving: Vec<Surface<2>>,
    /// of `beta`, and of `alpha + beta`
    beta: Vec<Gamma>,
    both: Vec<Gamma>,
}

/// The log-likelihood of `sample` for `[alpha, beta, gamma, delta]` with its derivatives. Times are
/// scaled back to opportunities.
#[expect(clippy::indexing_slicing, reason = "tables are as long as the longest t")]
fn log_likelihood(sample: &Sample, [alpha, beta, leave, stay]: [f64; 4]) -> Surface<4> {
    let whole = |time: f64| (time * sample.scale).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most MOST")]
    let place = |count: f64| count as usize;
    let longest = sample.times.all.iter().fold(0.0, |most: f64, t| most.max(whole(*t)));
    let counts = || (0..=place(longest)).map(|n| f64::from(u32::try_from(n).unwrap_or(u32::MAX)));
    let at = (gamma(leave + stay), gamma(stay));
    let tables = Tables {
        alive: counts().map(|n| log_share(leave, stay, n, at)).collect(),
        leaving: counts().map(|n| log_share_leaving(leave, stay, n, at)).collect(),
        beta: counts().map(|n| gamma(beta + n)).collect(),
        both: counts().map(|n| gamma(alpha + beta + n)).collect(),
    };
    let (at_alpha, at_beta, at_both) = (gamma(alpha), tables.beta[0], tables.both[0]);
    let mut sum = Surface::<4>::ZERO;
    for block in &sample.blocks {
        let x = block.x;
        let at_x = gamma(alpha + x);
        for row in sample.rows(block) {
            let (tx, t) = (whole(sample.times.get(row.tx)), whole(sample.times.get(row.t)));
            let mut ends = Ends::new();
            let mut add = |n: f64, leaving: &Surface<2>| {
                // B(α + x, β + n − x) / B(α, β)
                let (silent, all) = (tables.beta[place(n - x)], tables.both[place(n)]);
                let log = at_x.ln - at_alpha.ln + silent.ln - at_beta.ln + at_both.ln - all.ln;
                let both = at_both.digamma - all.digamma;
                let slope = [
                    at_x.digamma - at_alpha.digamma + both,
                    silent.digamma - at_beta.digamma + both,
                    leaving.gradient[0],
                    leaving.gradient[1],
                ];
                let both = at_both.trigamma - all.trigamma;
                let mut curve = [[0.0; 4]; 4];
                curve[0][0] = at_x.trigamma - at_alpha.trigamma + both;
                curve[0][1] = both;
                curve[1][1] = silent.trigamma - at_beta.trigamma + both;
                curve[2][2] = leaving.hessian[0][0];
                curve[2][3] = leaving.hessian[0][1];
                curve[3][3] = leaving.hessian[1][1];
                ends.add(log + leaving.value, slope, curve);
            };
            add(t, &tables.alive[place(t)]);
            let mut n = tx;
            while n < t {
                add(n, &tables.leaving[place(n)]);
                n += 1.0;
            }
            ends.close(row.weight, &mut sum);
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

    fn donors() -> Rows {
        let lines = include_str!("../../testdata/value/donations.csv").lines();
        let lines = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        lines
            .map(|line| {
                let n: Vec<f64> = line.split(',').map(|v| v.parse().expect("a number")).collect();
                Row { weight: n[3], ..Row::one(Customer { x: n[0], tx: n[1], t: n[2] }) }
            })
            .collect()
    }

    #[test]
    fn the_derivatives_are_those_of_the_value() {
        let sample = Sample::new(&mut donors());
        for at in [[1.2, 0.75, 0.66, 2.8], [0.1, 5.0, 3.0, 0.4], [30.0, 3.0, 0.05, 9.0]] {
            derivatives_agree(|p| log_likelihood(&sample, p), at);
        }
    }

    #[test]
    fn the_papers_donors_give_the_published_model() {
        let got = fit(&mut donors(), 0.0).expect("rows");
        assert_eq!(got.trouble, None);
        for (got, want) in got.parameters.iter().zip([1.203522, 0.749716, 0.656718, 2.783442]) {
            assert!((got / want - 1.0).abs() < 1e-5, "{got}, not {want}");
        }
        assert!((got.ll + 33225.581274).abs() < 1e-5, "{}", got.ll);
    }

    #[test]
    fn all_that_can_happen_has_the_probability_one() {
        // every history of n opportunities, by frequency and recency
        let m = BgBb { alpha: 1.2, beta: 0.75, gamma: 0.66, delta: 2.8 };
        for n in [1.0, 2.0, 6.0, 11.0] {
            let mut sum = 0.0;
            let mut tx: f64 = 0.0;
            while tx <= n {
                let mut x = tx.min(1.0);
                while x <= tx {
                    let odds = m.odds(Customer { x, tx, t: n });
                    let fewer = if x > 0.0 { choose(tx - 1.0, x - 1.0) } else { 1.0 };
                    let beta = |a, b| gamma(a).ln + gamma(b).ln - gamma(a + b).ln;
                    let until = beta(m.alpha + x, m.beta + tx - x) - beta(m.alpha, m.beta)
                        + beta(m.gamma, m.delta + tx)
                        - beta(m.gamma, m.delta);
                    sum += fewer * until.exp() * (odds.alive + odds.gone);
                    x += 1.0;
                }
                tx += 1.0;
            }
            assert!((sum - 1.0).abs() < 1e-12, "{n}: {sum}");
        }
    }

    fn choose(n: f64, k: f64) -> f64 {
        (gamma(n + 1.0).ln - gamma(k + 1.0).ln - gamma(n - k + 1.0).ln).exp()
    }

    #[test]
    fn degenerate_data_ends_quickly_with_finite_figures() {
        let customer = |x, tx, t| Row::one(Customer { x, tx, t });
        let sets: [Vec<Row>; 8] = [
            vec![customer(0.0, 0.0, 1.0)],
            vec![customer(1.0, 1.0, 1.0)],
            vec![customer(0.0, 0.0, 6.0); 50],
            vec![customer(6.0, 6.0, 6.0); 50],
            vec![customer(2.0, 5.0, 6.0); 50],
            vec![customer(0.0, 0.0, 1_000.0), customer(1_000.0, 1_000.0, 1_000.0)],
            (0..=40).map(|n| customer(f64::from(n), f64::from(n), 40.0)).collect(),
            (1..=40).map(|n| customer(1.0, f64::from(n), 40.0)).collect(),
        ];
        for (i, set) in sets.into_iter().enumerate() {
            let alike = set.iter().all(|row| *row == set[0]);
            let begin = Instant::now();
            let fitted = fit(&mut set.into_iter().collect(), 0.0).expect("rows");
            assert!(begin.elapsed() < AN_ANSWER, "set {i}");
            assert!(fitted.ll.is_finite(), "set {i}: {fitted:?}");
            let legal = |v: &f64| v.is_finite() && *v > 0.0;
            assert!(fitted.parameters.iter().all(legal), "set {i}: {fitted:?}");
            assert!(!alike || fitted.trouble.is_some(), "set {i}: {fitted:?}");
        }
    }
}
