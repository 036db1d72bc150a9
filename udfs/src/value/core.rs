//! BG/NBD and MBG/NBD: what a fitted model says of one customer.
//!
//! While alive, a customer buys at random moments at a rate `λ ~ Gamma(r, α)`; after a purchase the
//! customer leaves for good with probability `p ~ Beta(a, b)`. In BG/NBD (Fader, Hardie & Lee,
//! "Counting Your Customers the Easy Way", Marketing Science 24, 2005) nobody leaves before the
//! first repeat purchase, so that P(alive) of a one-time buyer is 1; in MBG/NBD (Batislam, Denizel &
//! Filiztekin, International Journal of Research in Marketing 24, 2007) the first purchase may be
//! the last. The two differ in one number, here `survived`: how often the customer has had a
//! chance to leave and stayed, `x` in the one and `x + 1` in the other.
//!
//! O(1) a customer. Probabilities are computed from the odds, expectations without the pole at
//! `a = 1`, so that every legal input has a finite answer.

use super::counts::{Counts, made_before_leaving};
use super::quadrature::{beta_mean, exponential_integral, ln_1p_exp};

/// Which of the two models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Bg,
    Mbg,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 2] = [Self::Bg, Self::Mbg];

    /// The name in SQL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bg => "bg_nbd",
            Self::Mbg => "mbg_nbd",
        }
    }

    /// The kind of that name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name().eq_ignore_ascii_case(name.trim()))
    }

    /// How often a customer of `x` repeat purchases could have left and did not.
    pub(crate) fn survived(self, x: f64) -> f64 {
        match self {
            Self::Bg => x,
            Self::Mbg => x + 1.0,
        }
    }
}

/// What is known of a customer: repeat purchases, the time of the last one and the time observed,
/// both since the first purchase and in the model's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Customer {
    pub x: f64,
    pub tx: f64,
    pub t: f64,
}

impl Customer {
    /// Finite, not negative, and nothing bought after the time observed.
    pub(crate) fn is_legal(&self) -> bool {
        let Self { x, tx, t } = *self;
        x >= 0.0 && tx >= 0.0 && t >= tx && x.is_finite() && t.is_finite()
    }
}

/// A fitted model; all four parameters are positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Model {
    pub kind: Kind,
    pub r: f64,
    pub alpha: f64,
    pub a: f64,
    pub b: f64,
}

impl Model {
    /// The odds of having left: 0 where the model excludes it, infinite where it is certain.
    fn odds_gone(&self, c: Customer) -> f64 {
        let survived = self.kind.survived(c.x);
        if survived == 0.0 {
            return 0.0;
        }
        let silence = ((c.t - c.tx) / (self.alpha + c.tx)).ln_1p();
        self.a / (self.b + survived - 1.0) * ((self.r + c.x) * silence).exp()
    }

    /// The probability that the customer will buy again at all.
    pub(crate) fn p_alive(&self, c: Customer) -> f64 {
        1.0 / (1.0 + self.odds_gone(c))
    }

    /// The probability that the customer buys nothing in `(t, t + h]`; `None`: ever again.
    pub(crate) fn churn(&self, c: Customer, h: Option<f64>) -> f64 {
        let odds = self.odds_gone(c);
        let silent = h.map_or(0.0, |h| (-(self.r + c.x) * (h / (self.alpha + c.t)).ln_1p()).exp());
        // of who is gone and who is not, without the difference of nearly equal numbers
        let (gone, alive) = (1.0 / (1.0 + 1.0 / odds), 1.0 / (1.0 + odds));
        // the sum may round to just above 1
        (gone + alive * silent).min(1.0)
    }

    /// The number of purchases expected in `(t, t + h]` of a customer who is alive at `t`.
    pub(crate) fn mean_if_alive(&self, c: Customer, h: f64) -> f64 {
        let b = self.b + self.kind.survived(c.x);
        mean_purchases(self.a, b, self.r + c.x, h / (self.alpha + c.t)).clamp(0.0, f64::MAX)
    }

    /// The probability of exactly `n` purchases in `(t, t + h]` of a customer who is alive at `t`.
    pub(crate) fn count_if_alive(&self, c: Customer, n: f64, h: f64) -> f64 {
        let counts = Counts::new(self.r + c.x, h / (self.alpha + c.t));
        let b = self.b + self.kind.survived(c.x);
        made_before_leaving(self.a, b, n, counts.exactly(n), counts.at_least(n))
    }

    /// The number of purchases expected ever, if alive, each discounted by e^−delta for a unit of time:
    /// the mean over `p ~ Beta(a, b)` of the integral over time of `s/(α+t) (1 + p·h/(α+t))^−(s+1)`.
    pub(crate) fn residual_if_alive(&self, c: Customer, delta: f64) -> f64 {
        let (b, s) = (self.b + self.kind.survived(c.x), self.r + c.x);
        let scale = delta * (self.alpha + c.t);
        let turn = (scale / s).ln().min(scale.ln());
        s * beta_mean(self.a, b, turn, (self.a + s).max(1.0).ln(), |y| {
            let inverse = 1.0 + (-y).exp();
            exponential_integral(s + 1.0, scale * inverse) * inverse
        })
    }
}

pub(crate) fn logistic(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}

/// Purchases expected of a customer who is alive, with `p ~ Beta(a, b)`, `λ ~ Gamma(s, 1)`, in a
/// time `u`: the mean of `(1 − (1 + p·u)^−s) / p`.
fn mean_purchases(a: f64, b: f64, s: f64, u: f64) -> f64 {
    if u <= 0.0 {
        return 0.0;
    }
    // far beyond any time; keeps every product below finite
    let u = u.min(1e200);
    series(a, b, s, u).unwrap_or_else(|| quadrature(a, b, s, u))
}

/// The published closed form, `(a+b−1)/(a−1) · (1 − (1−z)^s ₂F₁(s, b; a+b−1; z))` with
/// `z = u/(1+u)`, after Euler's transformation and with the factor `a − 1` cancelled by hand:
///
/// `c·(1−q)/(a−1) − q·Σ_{n≥1} (a)_{n−1} (c−s)_n / ((c+1)_{n−1} n!) zⁿ`, `c = a+b−1`,
/// `q = (1−z)^(a−1)`. What is left has no pole at `a = 1` or `c = 0`, and `c − s` does not grow
/// with the customer's purchases. `None` where terms cancel or the series is slow.
fn series(a: f64, b: f64, s: f64, u: f64) -> Option<f64> {
    const MOST_TERMS: usize = 1_500;
    /// sums may be this much smaller than their terms: costs two of sixteen digits
    const CANCELS: f64 = 100.0;
    let (c, z, log_w) = (a + b - 1.0, u / (1.0 + u), -u.ln_1p());
    let power = (a - 1.0) * log_w;
    let head = if power == 0.0 { -log_w } else { -power.exp_m1() / (a - 1.0) };
    let q = power.exp();
    let kappa = c - s;
    let (mut term, mut sum, mut size) = (kappa * z, kappa * z, (kappa * z).abs());
    let mut n = 1.0;
    // of the term after the n-th to that
    let next = |n: f64| (a + n - 1.0) * (kappa + n) / ((c + n) * (n + 1.0)) * z;
    let mut factor = next(n);
    for _ in 0..MOST_TERMS {
        term *= factor;
        sum += term;
        size += term.abs();
        n += 1.0;
        factor = next(n);
        // the terms that follow shrink at least by this ratio, once it is below 1
        let ratio = factor.abs().max(z);
        if ratio < 1.0 && term.abs() * ratio <= 1e-17 * size * (1.0 - ratio) {
            let value = c * head - q * sum;
            let lost = ((c * head).abs() + q * size) / value;
            return (lost > 0.0 && lost < CANCELS).then_some(value);
        }
    }
    None
}

/// The same mean as an integral over the logit of `p`, which is positive throughout.
fn quadrature(a: f64, b: f64, s: f64, u: f64) -> f64 {
    let turn = -(s.max(1.0) * u.max(1.0)).ln();
    beta_mean(a, b, turn, (a + s).max(1.0).ln(), |y| {
        let p = (-ln_1p_exp(-y)).exp();
        -(-s * (p * u).ln_1p()).exp_m1() / p
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `check` with the fields of every line of a golden file.
    fn golden(check: impl Fn(Model, Customer, f64, [f64; 3])) {
        for line in include_str!("../../testdata/value/nbd_grid.csv").lines().skip(2) {
            let (kind, rest) = line.split_once(',').expect("a model");
            let n: Vec<f64> = rest.split(',').map(|v| v.parse().expect("a number")).collect();
            let model = Model {
                kind: Kind::of(kind).expect("a kind"),
                r: n[0],
                alpha: n[1],
                a: n[2],
                b: n[3],
            };
            check(model, Customer { x: n[4], tx: n[5], t: n[6] }, n[7], [n[8], n[9], n[10]]);
        }
    }

    fn purchases(m: &Model, c: Customer, h: f64) -> f64 {
        m.p_alive(c) * m.mean_if_alive(c, h)
    }

    #[track_caller]
    fn close(got: f64, want: f64, tolerance: f64, of: &str) {
        assert!(got.is_finite(), "{of}: {got}");
        assert!((got - want).abs() <= tolerance * want.abs() + 1e-290, "{of}: {got}, not {want}");
    }

    #[test]
    fn every_figure_of_the_grid_to_ten_digits() {
        golden(|m, c, h, [alive, churn, expected]| {
            let of = format!("{m:?} {c:?} {h}");
            close(m.p_alive(c), alive, 1e-10, &format!("p_alive {of}"));
            close(m.churn(c, Some(h)), churn, 1e-10, &format!("churn {of}"));
            close(purchases(&m, c, h), expected, 1e-10, &format!("expected {of}"));
        });
    }

    #[test]
    fn series_and_quadrature_agree() {
        let mut by_series = 0;
        let mut all = 0;
        for a in [0.02, 0.5, 0.793, 1.0, 1.7, 30.0] {
            for b in [0.3, 2.426, 60.0, 1e4, 1e6] {
                for s in [0.05, 0.243, 3.0, 26.2, 1e3, 1e6] {
                    for u in [1e-6, 0.01, 0.9, 8.0, 1e4] {
                        all += 1;
                        let slow = quadrature(a, b, s, u);
                        if let Some(fast) = series(a, b, s, u) {
                            by_series += 1;
                            close(fast, slow, 1e-11, &format!("{a} {b} {s} {u}"));
                        }
                        assert!(slow.is_finite() && slow > 0.0 && slow <= s * u * (1.0 + 1e-12));
                    }
                }
            }
        }
        assert!(by_series * 3 > all, "{by_series} of {all} by the series");
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 65_536, ..Default::default() })]

        #[test]
        fn more_time_brings_more_purchases_and_less_silence(
            logs in proptest::array::uniform4(-6.0..6.0_f64),
            x in 0..1_000_000_u32,
            (t, share, h) in (0.0..1e5_f64, 0.0..=1.0_f64, 0.0..1e4_f64),
        ) {
            let [r, alpha, a, b] = logs.map(f64::exp);
            let c = Customer { x: f64::from(x), tx: t * share, t };
            for kind in Kind::ALL {
                let m = Model { kind, r, alpha, a, b };
                let (few, many) = (purchases(&m, c, h), purchases(&m, c, 2.0 * h));
                proptest::prop_assert!(few <= many * (1.0 + 1e-12) && many <= 2.0 * few * (1.0 + 1e-12));
                // nobody buys more than somebody who never leaves
                let most = (r + c.x) * h / (alpha + t);
                proptest::prop_assert!(few <= most * m.p_alive(c) * (1.0 + 1e-12));
                // whoever is expected to buy n times buys something with a probability up to n
                let (soon, late) = (m.churn(c, Some(h)), m.churn(c, Some(2.0 * h)));
                proptest::prop_assert!(late <= soon + 1e-15 && m.churn(c, None) <= late + 1e-15);
                proptest::prop_assert!(1.0 - soon <= few + 1e-12);
            }
        }
    }

    #[test]
    fn published_figures() {
        let paper = Model { kind: Kind::Bg, r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
        let c = Customer { x: 2.0, tx: 30.43, t: 38.86 };
        close(purchases(&paper, c, 39.0), 1.226_028, 1e-6, "Hardie's sheet");
        close(paper.p_alive(c), 0.726_579, 1e-6, "p_alive");
        close(paper.churn(c, Some(39.0)), 0.445_373, 1e-6, "no purchase");
        close(paper.churn(c, None), 0.273_421, 2e-6, "gone");
        let once = Customer { x: 1.0, tx: 1.71, t: 38.86 };
        close(paper.p_alive(once), 0.212_101, 3e-6, "one repeat");
        let never = Customer { x: 0.0, tx: 0.0, t: 38.86 };
        assert_eq!(paper.p_alive(never), 1.0);
        let mle = Model { kind: Kind::Bg, r: 0.242593, alpha: 4.413532, a: 0.792886, b: 2.425752 };
        let new = Customer { x: 0.0, tx: 0.0, t: 0.0 };
        for (h, want) in [(1.0, 0.053_185), (39.0, 1.195_016), (78.0, 1.857_972)] {
            close(purchases(&mle, new, h), want, 1e-5, "new customer");
        }
        let mbg = Model { kind: Kind::Mbg, r: 0.524838, alpha: 6.182992, a: 0.891356, b: 1.613999 };
        close(mbg.p_alive(never), 0.389_716, 1e-5, "MBG, never again");
        close(mbg.p_alive(c), 0.706_126, 1e-5, "MBG");
    }

    #[test]
    fn probabilities_stay_in_range_and_rise_with_recency() {
        for kind in Kind::ALL {
            for (r, alpha, a, b) in
                [(0.24, 4.4, 0.79, 2.4), (1e-4, 1e-3, 1e4, 1e-3), (900.0, 1e5, 1e-5, 1e4)]
            {
                let m = Model { kind, r, alpha, a, b };
                for x in [1.0, 7.0, 1e3, 1e6] {
                    let mut last = 0.0;
                    for i in 0..=100 {
                        let c = Customer { x, tx: f64::from(i) * 1e3, t: 1e5 };
                        let p = m.p_alive(c);
                        assert!(
                            (0.0..=1.0).contains(&p) && p >= last,
                            "{m:?} {c:?}: {p} after {last}"
                        );
                        last = p;
                        for h in [0.0, 1.0, 1e5, 1e300] {
                            let (churn, n) = (m.churn(c, Some(h)), purchases(&m, c, h));
                            assert!((0.0..=1.0).contains(&churn), "{m:?} {c:?} {h}: {churn}");
                            assert!(n.is_finite() && n >= 0.0, "{m:?} {c:?} {h}: {n}");
                        }
                    }
                }
            }
        }
    }
}
