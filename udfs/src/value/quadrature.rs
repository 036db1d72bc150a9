//! Integrals of positive functions whose logarithm is concave.
//!
//! Gauss and Legendre's rule of sixteen nodes on pieces on which the function falls by no more than
//! e^10 and that are no longer than 2, up to where nothing is left to add. For functions that are
//! analytic within π of the real line, as all here are after the substitution of a logarithm, the
//! error is below the rounding. Nothing cancels, since all terms are positive.

/// Nodes on the right half of [−1, 1] with their weights.
const NODES: [(f64, f64); 8] = [
    (0.989_400_934_991_649_9, 0.027_152_459_411_754_095),
    (0.944_575_023_073_232_6, 0.062_253_523_938_647_893),
    (0.865_631_202_387_831_7, 0.095_158_511_682_492_79),
    (0.755_404_408_355_003, 0.124_628_971_255_533_87),
    (0.617_876_244_402_643_7, 0.149_595_988_816_576_73),
    (0.458_016_777_657_227_4, 0.169_156_519_395_002_54),
    (0.281_603_550_779_258_9, 0.182_603_415_044_923_59),
    (0.095_012_509_837_637_44, 0.189_450_610_455_068_5),
];

/// Calls `add(w, weight)` for the nodes of [0, width] of a function whose logarithm falls with the
/// slope `fall(w)`, which grows with `w`; `log(w)` is that logarithm itself.
pub(crate) fn integrate(
    width: f64,
    fall: impl Fn(f64) -> f64,
    log: impl Fn(f64) -> f64,
    mut add: impl FnMut(f64, f64),
) {
    /// what is smaller by e^−38 is not seen
    const NEGLIGIBLE: f64 = 38.0;
    const STEEPEST: f64 = 10.0;
    const LONGEST: f64 = 2.0;
    let (mut from, mut most) = (0.0, f64::NEG_INFINITY);
    while from < width {
        let mut step = LONGEST.min(width - from);
        // a function that rises falls as steeply backwards
        while fall(from + step).abs().max(fall(from).abs()) * step > STEEPEST {
            step *= 0.5;
        }
        let (half, middle) = (0.5 * step, from + 0.5 * step);
        for (node, weight) in NODES {
            add(middle - half * node, half * weight);
            add(middle + half * node, half * weight);
        }
        from += step;
        if from < width {
            let here = log(from);
            most = most.max(here);
            if here < most - NEGLIGIBLE && fall(from) > 0.0 {
                break;
            }
        }
    }
}

/// `∫₀^∞ (1 + y)^−s · e^(−z·y) dy`, that is `e^z·E_s(z)`, for `s ≥ 0` and `z > 0`.
pub(crate) fn exponential_integral(s: f64, z: f64) -> f64 {
    // y = e^w − 1; beyond e^w = 1 + 750/z nothing is left
    let width = (750.0 / z).ln_1p();
    let log = |w: f64| (1.0 - s) * w - z * w.exp_m1();
    let mut sum = 0.0;
    integrate(width, |w| s - 1.0 + z * w.exp(), log, |w, weight| sum += weight * log(w).exp());
    sum
}

/// The mean of `value(y)` over `y = ln(p / (1 − p))`, `p ~ Beta(a, b)`, for a positive `value` that is
/// constant far left of `turn` and far right of `most`.
///
/// The integrand is analytic in a strip around the real line, so that the trapezoidal rule converges
/// geometrically (Trefethen & Weideman, SIAM Review 56, 2014). The density is normalised by its own
/// sum; where the integrand is a plain exponential, both sums are geometric.
pub(crate) fn beta_mean(a: f64, b: f64, turn: f64, most: f64, value: impl Fn(f64) -> f64) -> f64 {
    /// e^−40 is far below the last digit
    const NEGLIGIBLE: f64 = 40.0;
    let step = 0.25 * (1.0 / a + 1.0 / b).sqrt().min(1.0);
    let middle = (a / b).ln();
    let log_density = |y: f64| -a * ln_1p_exp(-y) - b * ln_1p_exp(y);
    let peak = log_density(middle);
    let (mut weights, mut total) = (0.0, 0.0);
    let mut add = |y: f64| {
        let log_weight = log_density(y) - peak;
        let weight = log_weight.exp();
        weights += weight;
        total += weight * value(y);
        log_weight > -NEGLIGIBLE
    };
    let (mut right, mut left) = (middle, middle - step);
    let most = middle.max(most) + NEGLIGIBLE;
    while add(right) && right < most {
        right += step;
    }
    let least = middle.min(turn).min(-(a + b).ln()) - NEGLIGIBLE;
    while add(left) && left > least {
        left -= step;
    }
    // what is further out falls by the same factor at every step
    for (y, rate) in [(right, b), (left, a)] {
        let tail = (log_density(y) - peak).exp() / (rate * step).exp_m1();
        weights += tail;
        total += tail * value(y);
    }
    total / weights
}

/// The mean of `value(rate)` over `rate ~ Gamma(s, 1)`, for a positive `value` that rises as no power
/// above `most` does and falls at least in proportion far left of `e^turn`.
///
/// As [`beta_mean`], over the logarithm of the rate.
pub(crate) fn gamma_mean(s: f64, turn: f64, most: f64, value: impl Fn(f64) -> f64) -> f64 {
    /// e^−40 is far below the last digit
    const NEGLIGIBLE: f64 = 40.0;
    let step = (0.5 / (s + most).sqrt()).min(0.25);
    // relative to the density at its peak, ln s
    let log_density = |d: f64| s * (d - d.exp_m1());
    let (mut weights, mut total) = (0.0, 0.0);
    let mut add = |d: f64| {
        let weight = log_density(d).exp();
        weights += weight;
        total += weight * value(s * d.exp());
    };
    let mut right = 0.0;
    while log_density(right) + most * right > -NEGLIGIBLE {
        add(right);
        right += step;
    }
    // down to where the density is a plain exponential
    let least = (turn - s.ln()).min(-s.ln()).min(0.0) - NEGLIGIBLE;
    let mut left = -step;
    while log_density(left) > -NEGLIGIBLE && left > least {
        add(left);
        left -= step;
    }
    total / (weights + log_density(left).exp() / -(-s * step).exp_m1())
}

/// `ln(1 + e^y)` without overflow.
pub(crate) fn ln_1p_exp(y: f64) -> f64 {
    if y > 0.0 { y + (-y).exp().ln_1p() } else { y.exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 3e-14 * want.abs(), "{got}, not {want}");
    }

    #[test]
    fn known_integrals() {
        // E₁(1) = 0.219383934395520273677, E₂(z) = e^−z − z·E₁(z)
        let e1 = 0.219_383_934_395_520_27;
        close(exponential_integral(1.0, 1.0), e1 * 1_f64.exp());
        close(exponential_integral(2.0, 1.0), 1.0 - 1_f64.exp() * e1);
        close(exponential_integral(0.0, 7.5), 1.0 / 7.5);
        for s in [1e-3, 0.6, 1.0, 4.0, 300.0, 1e6] {
            for z in [1e-8, 1e-3, 0.5, 1.0, 40.0, 1e4] {
                // s·E_{s+1} = e^−z − z·E_s
                let (here, next) = (exponential_integral(s, z), exponential_integral(s + 1.0, z));
                assert!(((s * next + z * here) - 1.0).abs() < 3e-14, "{s} {z}");
            }
        }
    }

    #[test]
    fn a_steep_function_takes_few_nodes() {
        let mut nodes = 0;
        let mut sum = 0.0;
        integrate(
            25.0,
            |_| 1e6,
            |w| -1e6 * w,
            |w, weight| {
                nodes += 1;
                sum += weight * (-1e6 * w).exp();
            },
        );
        close(sum, 1e-6);
        assert!(nodes <= 16 * 12, "{nodes}");
    }
}
