//! MBG/CNBD-k: customers who buy more regularly than at random.
//!
//! As MBG/NBD, but the time between two purchases is the sum of `k` stages, each exponential at a rate
//! `λ ~ Gamma(r, α)`: Erlang-k, the more regular the greater `k` (Platzer & Reutterer, "Ticking Away the
//! Moments", Marketing Science 35, 2016; Reutterer, Platzer & Schröder, International Journal of
//! Research in Marketing 38, 2021). With `k = 1` it is MBG/NBD. How regular customers are is told by
//! the sum of the logarithms of the times between their purchases, the `litt` of a summary. Stages are
//! a Poisson process, so that all that is asked for are sums over numbers of stages, exact and of
//! positive terms: O(k) a customer, the purchases expected O(stages).

use super::core::{Customer, logistic};
use super::counts::{Counts, made_before_leaving};
use super::ends::Ends;
use super::estimate::Estimate;
use super::fit::{PARAMETERS, THINNED};
use super::gamma::{gamma, ln_gamma_ratio};
use super::newton::{Surface, maximise};
use super::quadrature::{beta_mean, gamma_mean};
use super::rows::Rows;
use super::sample::Sample;

/// A fitted model; all parameters are positive, `k` is a whole number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cnbd {
    pub k: f64,
    pub r: f64,
    pub alpha: f64,
    pub a: f64,
    pub b: f64,
}

/// The greatest `k`.
pub(crate) const MOST_REGULAR: f64 = 12.0;

impl Cnbd {
    fn shape(&self, c: Customer) -> f64 {
        self.r + self.k * c.x
    }

    /// The logarithm of the likelihood of fewer than `k` stages since `tx`, relative to that at `tx`.
    fn log_still(&self, c: Customer) -> f64 {
        let (s, since) = (self.shape(c), c.t - c.tx);
        let z = since / (self.alpha + c.t);
        let (mut term, mut sum, mut j) = (1.0, 1.0, 1.0);
        while j < self.k {
            term *= (s + j - 1.0) / j * z;
            sum += term;
            j += 1.0;
        }
        sum.ln() - s * (since / (self.alpha + c.tx)).ln_1p()
    }

    fn log_odds_gone(&self, c: Customer) -> f64 {
        (self.a / (self.b + c.x)).ln() - self.log_still(c)
    }

    /// The probability that the customer will buy again at all.
    pub(crate) fn p_alive(&self, c: Customer) -> f64 {
        logistic(-self.log_odds_gone(c))
    }

    /// The probability that the customer buys nothing in `(t, t + h]`; `None`: ever again.
    pub(crate) fn churn(&self, c: Customer, h: Option<f64>) -> f64 {
        let odds = self.log_odds_gone(c);
        let silent = h.map_or(0.0, |h| {
            (self.log_still(Customer { t: c.t + h, ..c }) - self.log_still(c)).exp()
        });
        (logistic(odds) + logistic(-odds) * silent).min(1.0)
    }

    /// The number of purchases expected in `(t, t + h]` of a customer who is alive at `t`.
    ///
    /// Of the `k` stages before the next purchase, `j` may be over; then the number of stages in `h` is
    /// negative binomial, and of `n` purchases that they make the mean number is made before leaving.
    pub(crate) fn mean_if_alive(&self, c: Customer, h: f64) -> f64 {
        let s = self.shape(c);
        let (z, u) = ((c.t - c.tx) / (self.alpha + c.t), h / (self.alpha + c.t));
        let (mut share, mut shares, mut sum, mut j) = (1.0, 0.0, 0.0, 0.0);
        while j < self.k {
            shares += share;
            sum += share * self.mean_of_stages(s + j, u, j, self.b + c.x + 1.0);
            share *= (s + j) / (j + 1.0) * z;
            j += 1.0;
        }
        (sum / shares).clamp(0.0, f64::MAX)
    }

    /// The number of purchases expected ever, if alive, each discounted by e^−delta for a unit of time.
    ///
    /// The time of a stage takes `u = λ/(λ+δ)` of the worth of what follows, on average. With `j` stages
    /// over the next purchase is `k − j` of them away and the others `k` more each, while the customer
    /// stays: the mean of `u^(k−j) / (1 − (1−p)·u^k)` over `p ~ Beta(a, b)`, over `λ` and over `j`, for
    /// which a rate `λ` makes `(λ·since)^j / j!` as likely.
    pub(crate) fn residual_if_alive(&self, c: Customer, delta: f64) -> f64 {
        let (s, b) = (self.shape(c), self.b + c.x + 1.0);
        let (z, scale) = ((c.t - c.tx) / (self.alpha + c.t), delta * (self.alpha + c.t));
        let (mut share, mut shares, mut j) = (1.0, 0.0, 0.0);
        while j < self.k {
            shares += share;
            share *= (s + j) / (j + 1.0) * z;
            j += 1.0;
        }
        let mean = gamma_mean(s, scale.ln(), self.k, |rate| {
            let log_u = -(scale / rate).ln_1p();
            let lost = -(self.k * log_u).exp_m1();
            let (mut over, mut sum, mut j) = (1.0, 0.0, 0.0);
            while j < self.k {
                sum += over * ((self.k - j) * log_u).exp();
                j += 1.0;
                over *= z * rate / j;
            }
            sum * beta_mean(self.a, b, lost.ln(), 0.0, |y| {
                1.0 / (logistic(y) + logistic(-y) * lost)
            })
        });
        (mean / shares).clamp(0.0, f64::MAX)
    }

    /// The probability of exactly `n` purchases in `(t, t + h]` of a customer who is alive at `t`.
    ///
    /// Of the `k` stages before the next purchase, `j` may be over; `n` purchases take the rest of them
    /// and `k` for each other.
    pub(crate) fn count_if_alive(&self, c: Customer, n: f64, h: f64) -> f64 {
        let (s, b) = (self.shape(c), self.b + c.x + 1.0);
        let (z, u) = ((c.t - c.tx) / (self.alpha + c.t), h / (self.alpha + c.t));
        let (mut share, mut shares, mut sum, mut j) = (1.0, 0.0, 0.0, 0.0);
        while j < self.k {
            let counts = Counts::new(s + j, u);
            let first = (n * self.k - j).max(0.0);
            let (mut exactly, mut stages) = (0.0, first);
            while stages < (n + 1.0) * self.k - j {
                exactly += counts.exactly(stages);
                stages += 1.0;
            }
            shares += share;
            sum += share * made_before_leaving(self.a, b, n, exactly, counts.at_least(first));
            share *= (s + j) / (j + 1.0) * z;
            j += 1.0;
        }
        sum / shares
    }

    fn mean_of_stages(&self, s: f64, u: f64, over: f64, b: f64) -> f64 {
        /// numbers of stages that are looked at; beyond them the mean is taken as that of the last
        const MOST: f64 = 2e6;
        if u <= 0.0 {
            return 0.0;
        }
        // start where nothing has been missed
        let spread = (s * u * (1.0 + u)).sqrt();
        let first = (s * u - 12.0 * spread - 60.0).max(0.0).floor();
        let share = u / (1.0 + u);
        let log =
            ln_gamma_ratio(s, first) - gamma(first + 1.0).ln - s * u.ln_1p() + first * share.ln();
        let (mut chance, mut stages) = (log.exp(), first);
        // purchases made before leaving, of as many as the stages are enough for
        let (mut made, mut mean, mut stays) = (0.0, 0.0, 1.0);
        let (mut sum, mut seen) = (0.0, 0.0);
        loop {
            while made + 1.0 <= ((over + stages) / self.k).floor() {
                mean += stays;
                stays *= (b + made) / (self.a + b + made);
                made += 1.0;
            }
            sum += chance * mean;
            seen += chance;
            let next = (s + stages) / (stages + 1.0) * share;
            // what follows is at most geometric, and means grow no faster than their number
            let rest = chance * next / (1.0 - next).max(0.0);
            if next < 1.0 && rest * (mean + 1.0 / (1.0 - next)) <= 1e-16 * sum {
                break;
            }
            if stages - first > MOST {
                sum += (1.0 - seen).max(0.0) * mean;
                break;
            }
            chance *= next;
            stages += 1.0;
        }
        sum
    }
}

/// The model that makes the legal `rows` most likely, and its `k`: that which is given, or the one that
/// fits best. `None`: no rows.
pub(crate) fn fit(rows: &mut Rows, given: Option<f64>, l2: f64) -> Option<(f64, Estimate)> {
    if rows.len() == 0 {
        return None;
    }
    let sample = Sample::new(rows);
    let thinned = THINNED.iter().filter_map(|most| sample.thinned(*most)).collect::<Vec<_>>();
    let mut best: Option<(f64, f64, Estimate)> = None;
    // without a repeat purchase nothing tells how regular they are
    let regular = if sample.bought > 0.0 { MOST_REGULAR } else { 1.0 };
    let (mut k, last) = given.map_or((1.0, regular), |k| (k, k));
    while k <= last {
        let starts = [(0.5, 1.0, 2.0), (1.0, 0.5, 5.0), (0.2, 2.0, 2.0), (4.0, 0.2, 8.0)].map(
            |(r, a, b): (f64, f64, f64)| [r.ln(), (r / (k * sample.rate)).ln(), a.ln(), b.ln()],
        );
        let samples = thinned.iter().chain([&sample]);
        let likelihood = |s: &Sample, p| log_likelihood(k, s, p);
        let top = maximise(samples, |s| s.weight, likelihood, starts, l2)?;
        // the density of the times between purchases, in their own unit
        let gaps = (k - 1.0) * (sample.extra + sample.log_scale);
        let beside = gaps - sample.bought * gamma(k).ln + sample.log_scale;
        let mut estimate = Estimate::of(&top, PARAMETERS);
        estimate.ll += beside;
        let height = estimate.ll;
        if best.as_ref().is_some_and(|(_, before, _)| *before >= height) {
            break;
        }
        let estimate = estimate.scaled(1, sample.scale).because(sample.poverty());
        best = Some((k, height, estimate));
        k += 1.0;
    }
    best.map(|(k, _, estimate)| (k, estimate))
}

/// The log-likelihood of `sample` for `k` and `[r, alpha, a, b]` in scaled time, without what depends
/// on `k` alone, with its derivatives.
fn log_likelihood(k: f64, sample: &Sample, [r, alpha, a, b]: [f64; 4]) -> Surface<4> {
    let (at_r, at_both, at_b) = (gamma(r), gamma(a + b), gamma(b));
    let mut sum = Surface::<4>::ZERO;
    for block in &sample.blocks {
        let (x, n, s) = (block.x, block.weight, r + k * block.x);
        let (at_s, at_b_x, at_both_x) = (gamma(s), gamma(b + x + 1.0), gamma(a + b + x + 1.0));
        sum.value += n
            * (at_s.ln - at_r.ln + r * alpha.ln() + at_both.ln + at_b_x.ln
                - at_b.ln
                - at_both_x.ln);
        sum.gradient[0] += n * (at_s.digamma - at_r.digamma + alpha.ln());
        sum.gradient[1] += n * r / alpha;
        let both = at_both.digamma - at_both_x.digamma;
        sum.gradient[2] += n * both;
        sum.gradient[3] += n * (both + at_b_x.digamma - at_b.digamma);
        sum.hessian[0][0] += n * (at_s.trigamma - at_r.trigamma);
        sum.hessian[0][1] += n / alpha;
        sum.hessian[1][1] -= n * r / (alpha * alpha);
        let both = at_both.trigamma - at_both_x.trigamma;
        sum.hessian[2][2] += n * both;
        sum.hessian[2][3] += n * both;
        sum.hessian[3][3] += n * (both + at_b_x.trigamma - at_b.trigamma);
        for row in sample.rows(block) {
            let (tx, t) = (sample.times.get(row.tx), sample.times.get(row.t));
            let mut ends = Ends::new();
            let inv = 1.0 / (alpha + tx);
            let mut curve = [[0.0; 4]; 4];
            curve[0][1] = -inv;
            curve[1][1] = s * inv * inv;
            curve[2][2] = -1.0 / (a * a);
            curve[3][3] = 1.0 / ((b + x) * (b + x));
            let log = (alpha + tx).ln();
            let slope = [-log, -s * inv, 1.0 / a, -1.0 / (b + x)];
            ends.add((a / (b + x)).ln() - s * log, slope, curve);
            let (log, inv) = ((alpha + t).ln(), 1.0 / (alpha + t));
            let z = (t - tx) * inv;
            let still = Stages::new(k, s, z);
            let (by_alpha, twice) = (-z * inv, 2.0 * z * inv * inv);
            let mut curve = [[0.0; 4]; 4];
            curve[0][0] = still.ss - still.s * still.s;
            curve[0][1] = -inv + (still.sz - still.s * still.z) * by_alpha;
            curve[1][1] = s * inv * inv
                + (still.zz - still.z * still.z) * by_alpha * by_alpha
                + still.z * twice;
            let slope = [-log + still.s, -s * inv + still.z * by_alpha, 0.0, 0.0];
            ends.add(still.value.ln() - s * log, slope, curve);
            ends.close(row.weight, &mut sum);
        }
    }
    sum.mirror();
    sum
}

/// The sum over fewer than `k` stages of `(s)_j / j! · z^j`, and its derivatives over itself.
struct Stages {
    value: f64,
    s: f64,
    z: f64,
    ss: f64,
    sz: f64,
    zz: f64,
}

impl Stages {
    fn new(k: f64, s: f64, z: f64) -> Self {
        // the coefficient, the derivative of its logarithm, and of that
        let (mut power, mut first, mut second) = (1.0, 0.0, 0.0);
        let mut sum = Self { value: 1.0, s: 0.0, z: 0.0, ss: 0.0, sz: 0.0, zz: 0.0 };
        let mut j = 1.0;
        while j < k {
            let inverse = 1.0 / (s + j - 1.0);
            // the derivatives by z are of powers before z is multiplied in
            let before = power * (s + j - 1.0) / j;
            first += inverse;
            second -= inverse * inverse;
            power = before * z;
            sum.value += power;
            sum.s += power * first;
            sum.ss += power * (first * first + second);
            sum.z += before * j;
            sum.sz += before * j * first;
            sum.zz += if z > 0.0 { before * j * (j - 1.0) / z } else { 0.0 };
            j += 1.0;
        }
        let over = 1.0 / sum.value;
        sum.s *= over;
        sum.z *= over;
        sum.ss *= over;
        sum.sz *= over;
        sum.zz *= over;
        sum
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::core::{Kind, Model};
    use super::super::fit::tests::{AN_ANSWER, cdnow, degenerate};
    use super::super::newton::tests::derivatives_agree;
    use super::*;

    #[test]
    fn the_derivatives_are_those_of_the_value() {
        let sample = Sample::new(&mut cdnow().into_iter().collect());
        for k in [1.0, 2.0, 5.0] {
            for at in [[0.5, 0.2, 0.8, 1.6], [2.0, 0.5, 0.1, 0.3]] {
                derivatives_agree(|p| log_likelihood(k, &sample, p), at);
            }
        }
    }

    #[test]
    fn with_one_stage_it_is_mbg_nbd() {
        let one = Cnbd { k: 1.0, r: 0.525, alpha: 6.18, a: 0.89, b: 1.61 };
        let m = Model { kind: Kind::Mbg, r: 0.525, alpha: 6.18, a: 0.89, b: 1.61 };
        for (x, tx, t) in [(0.0, 0.0, 38.0), (2.0, 30.0, 38.0), (20.0, 30.0, 30.0)] {
            let c = Customer { x, tx, t };
            for (got, want) in [
                (one.p_alive(c), m.p_alive(c)),
                (one.churn(c, Some(9.0)), m.churn(c, Some(9.0))),
                (one.mean_if_alive(c, 9.0), m.mean_if_alive(c, 9.0)),
            ] {
                assert!((got / want - 1.0).abs() < 1e-12, "{c:?}: {got} {want}");
            }
        }
        let got = fit(&mut cdnow().into_iter().collect(), Some(1.0), 0.0).expect("rows");
        let (_, want) = super::super::fit::fit(Kind::Mbg, &mut cdnow().into_iter().collect(), 0.0)
            .expect("rows");
        assert!((got.1.ll - want.ll).abs() < 1e-7);
        for (got, want) in got.1.parameters.iter().zip(&want.parameters) {
            assert!((got / want - 1.0).abs() < 1e-6, "{got} {want}");
        }
    }

    #[test]
    fn what_is_expected_ever_is_what_is_expected_by_any_time() {
        // with one stage it is that of MBG/NBD
        for (r, alpha, a, b) in
            [(0.5, 6.0, 0.9, 1.6), (3.0, 40.0, 0.02, 4.0), (0.05, 1.0, 3.0, 0.3)]
        {
            let one = Cnbd { k: 1.0, r, alpha, a, b };
            let mbg = Model { kind: Kind::Mbg, r, alpha, a, b };
            for (x, tx, t) in
                [(0.0, 0.0, 0.0), (0.0, 0.0, 30.0), (7.0, 25.0, 30.0), (500.0, 1e3, 1e3)]
            {
                for delta in [1e-5, 3e-3, 1.0, 50.0] {
                    let c = Customer { x, tx, t };
                    let (got, want) =
                        (one.residual_if_alive(c, delta), mbg.residual_if_alive(c, delta));
                    assert!(
                        (got - want).abs() < 1e-11 * want,
                        "{one:?} {c:?} {delta}: {got} {want}"
                    );
                }
            }
        }
        // with more of them ∫ δ·e^−δh·M(h) dh, by the trapezoidal rule over ln(δh)
        for (k, r, alpha, a, b) in
            [(2.0, 0.5, 6.0, 0.9, 1.6), (3.0, 3.0, 40.0, 0.02, 4.0), (12.0, 0.4, 2.0, 0.3, 1.0)]
        {
            let model = Cnbd { k, r, alpha, a, b };
            for (x, tx, t) in
                [(0.0, 0.0, 0.0), (0.0, 0.0, 30.0), (7.0, 25.0, 30.0), (9.0, 60.0, 60.0)]
            {
                for delta in [3e-3, 0.2] {
                    let c = Customer { x, tx, t };
                    let step = 0.03125;
                    let want: f64 = (-1400..160)
                        .map(|i| {
                            let dh = (f64::from(i) * step).exp();
                            step * dh * (-dh).exp() * model.mean_if_alive(c, dh / delta)
                        })
                        .sum();
                    let got = model.residual_if_alive(c, delta);
                    assert!(
                        (got - want).abs() < 1e-9 * want,
                        "{model:?} {c:?} {delta}: {got} {want}"
                    );
                }
            }
        }
    }

    #[test]
    fn regular_customers_give_back_their_regularity() {
        let mut state = 1_u64;
        let mut chance = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as f64 + 0.5) / (1_u64 << 31) as f64
        };
        // k 3, r 1, alpha 20, a 1, b 3
        let mut drawn = || {
            let (t, rate) = (200.0 + 200.0 * chance(), -chance().ln() / 20.0);
            let leaves = 1.0 - chance().cbrt();
            let (mut x, mut tx, mut litt) = (0.0, 0.0, 0.0);
            while chance() > leaves {
                let gap = -(chance() * chance() * chance()).ln() / rate;
                if tx + gap > t {
                    break;
                }
                (x, tx, litt) = (x + 1.0, tx + gap, litt + gap.ln());
            }
            super::super::rows::Row {
                extra: litt,
                ..super::super::rows::Row::one(Customer { x, tx, t })
            }
        };
        let mut rows: Rows = (0..4_000).map(|_| drawn()).collect();
        let (k, got) = fit(&mut rows, None, 0.0).expect("rows");
        assert_eq!(k, 3.0);
        let se = got.se.expect("converged");
        for ((got, want), se) in got.parameters.iter().zip([1.0, 20.0, 1.0, 3.0]).zip(se) {
            assert!((got - want).abs() < 3.0 * se && se < 0.3 * want, "{got} ± {se}, not {want}");
        }
    }

    #[test]
    fn degenerate_data_ends_quickly_with_finite_figures() {
        for (i, set) in degenerate().into_iter().enumerate() {
            let begin = Instant::now();
            let (_, got) = fit(&mut set.iter().copied().collect(), None, 0.0).expect("rows");
            assert!(begin.elapsed() < AN_ANSWER, "set {i}");
            assert!(got.ll.is_finite() && got.parameters.iter().all(|v| v.is_finite()), "set {i}");
        }
    }
}
