//! The logarithm of the gamma function and its first two derivatives.
//!
//! Recurrence up to an argument of 10, then Stirling's series (NIST Handbook of Mathematical
//! Functions 5.5.1, 5.11.1, 5.11.2 and its derivative): absolute error below 1e-14 relative to the
//! greater of 1 and the value. O(1), at most ten steps.

/// `ln Γ`, digamma and trigamma of one argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gamma {
    pub ln: f64,
    pub digamma: f64,
    pub trigamma: f64,
}

/// `ln Γ(z)` and its derivatives for a positive finite `z`.
pub(crate) fn gamma(z: f64) -> Gamma {
    const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;
    let (mut at, mut product, mut first, mut second) = (z, 1.0, 0.0, 0.0);
    while at < 10.0 {
        let inverse = 1.0 / at;
        product *= at;
        first += inverse;
        second += inverse * inverse;
        at += 1.0;
    }
    let (ln, inv) = (at.ln(), 1.0 / at);
    let sq = inv * inv;
    let series = |terms: [f64; 7]| terms.iter().rev().fold(0.0, |sum, term| sum * sq + term);
    let tail = stirling_tail(at);
    let tail_first = sq
        * series([
            1.0 / 12.0,
            -1.0 / 120.0,
            1.0 / 252.0,
            -1.0 / 240.0,
            1.0 / 132.0,
            -691.0 / 32_760.0,
            1.0 / 12.0,
        ]);
    let tail_second = sq
        * inv
        * series([
            1.0 / 6.0,
            -1.0 / 30.0,
            1.0 / 42.0,
            -1.0 / 30.0,
            5.0 / 66.0,
            -691.0 / 2730.0,
            7.0 / 6.0,
        ]);
    Gamma {
        ln: (at - 0.5) * ln - at + HALF_LN_TAU + tail - product.ln(),
        digamma: ln - 0.5 * inv - tail_first - first,
        trigamma: inv + 0.5 * sq + tail_second + second,
    }
}

/// `ln Γ(z + a) − ln Γ(z)` for positive finite arguments, right to the last digits where `z` is large
/// and the two hardly differ.
pub(crate) fn ln_gamma_ratio(z: f64, a: f64) -> f64 {
    let (mut at, mut product) = (z, 1.0);
    while at < 10.0 {
        product *= at / (at + a);
        at += 1.0;
    }
    // Stirling's series of both, what is common taken out
    let main = (at - 0.5) * (a / at).ln_1p() + a * ((at + a).ln() - 1.0);
    main + stirling_tail(at + a) - stirling_tail(at) + product.ln()
}

/// What Stirling's formula lacks, for `z` from 10 up.
fn stirling_tail(z: f64) -> f64 {
    let inv = 1.0 / z;
    let sq = inv * inv;
    let terms = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    inv * terms.iter().rev().fold(0.0, |sum, term| sum * sq + term)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-14 * want.abs().max(1.0), "{got} is not {want}");
    }

    #[test]
    fn known_values() {
        let half = gamma(0.5);
        close(half.ln, std::f64::consts::PI.sqrt().ln());
        close(half.digamma, -1.963_510_026_021_423_5);
        close(half.trigamma, std::f64::consts::PI.powi(2) / 2.0);
        let one = gamma(1.0);
        close(one.ln, 0.0);
        close(one.digamma, -0.577_215_664_901_532_9);
        close(one.trigamma, std::f64::consts::PI.powi(2) / 6.0);
        close(gamma(101.0).ln, 363.739_375_555_563_5);
        close(gamma(1e-6).ln, 13.815_509_980_749_432);
    }

    #[test]
    fn ratios_are_right_to_the_last_digits() {
        // Γ(z + 1) / Γ(z) = z, Γ(z + 2) / Γ(z) = z·(z + 1)
        for z in [1e-9, 0.3, 1.0, 9.99, 10.0, 37.5, 1e4, 1e9, 1e15] {
            close(ln_gamma_ratio(z, 1.0), z.ln());
            close(ln_gamma_ratio(z, 2.0), z.ln() + z.ln_1p());
            for a in [1e-6, 0.7, 3.3, 1e3] {
                let apart = gamma(z + a).ln - gamma(z).ln;
                let rounding = 1e-14 * gamma(z + a).ln.abs().max(1.0);
                assert!((ln_gamma_ratio(z, a) - apart).abs() <= rounding, "{z} {a}");
            }
        }
    }

    #[test]
    fn the_recurrence_holds_everywhere() {
        for i in -40..60 {
            let z = 1.3_f64.powi(i);
            let (here, next) = (gamma(z), gamma(z + 1.0));
            assert!((next.ln - here.ln - z.ln()).abs() <= 1e-14 * next.ln.abs().max(10.0));
            assert!((next.digamma - here.digamma - 1.0 / z).abs() <= 1e-14 * (10.0 + 1.0 / z));
        }
    }
}
