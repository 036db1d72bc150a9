//! Random numbers that are the same everywhere.
//!
//! Each purpose of each customer has a ChaCha8 stream of its own, so that no customer's numbers
//! depend on another's, nor on who drew first. ChaCha is a published function; the distributions
//! below use nothing but IEEE arithmetic, the square root and the logarithm and exponential of
//! `libm`, which are computed in software on every machine. So the same seed gives the same bits,
//! whatever the processor, system or thread.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a stream of numbers is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// traits and purchases
    Life,
    /// what happens around purchases
    Shop,
    /// visits that lead to nothing
    Browse,
    /// how soon events arrive, and what happens to them on the way
    Arrival,
}

/// A stream of random numbers.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// The stream of one purpose of one customer.
    pub(super) fn new(seed: u64, customer: u64, purpose: Purpose) -> Self {
        let mut key = [0; 32];
        for (byte, from) in key.iter_mut().zip(seed.to_le_bytes()) {
            *byte = from;
        }
        let mut stream = ChaCha8Rng::from_seed(key);
        let purpose = match purpose {
            Purpose::Life => 0,
            Purpose::Shop => 1,
            Purpose::Browse => 2,
            Purpose::Arrival => 3,
        };
        stream.set_stream(customer.wrapping_mul(4).wrapping_add(purpose));
        Self(stream)
    }

    /// A number between 0 and 1, neither of them.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
    }

    /// A number from `low` to `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// A whole number below `n`; 0 if `n` is 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        let product = u128::from(self.0.next_u64()) * u128::from(n);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// Whether something of this probability happens.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// One of several, by weight.
    pub(super) fn pick<T: Copy>(&mut self, of: &[(T, f64)], otherwise: T) -> T {
        let total: f64 = of.iter().map(|(_, weight)| weight).sum();
        let mut left = self.uniform() * total;
        for (value, weight) in of {
            left -= weight;
            if left < 0.0 {
                return *value;
            }
        }
        otherwise
    }

    /// A waiting time at `rate`; infinite at a rate of 0.
    pub(super) fn exponential(&mut self, rate: f64) -> f64 {
        -libm::log(self.uniform()) / rate
    }

    /// The polar method of Marsaglia.
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (self.between(-1.0, 1.0), self.between(-1.0, 1.0));
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * (-2.0 * libm::log(s) / s).sqrt();
            }
        }
    }

    /// Gamma of `shape` and rate 1: Marsaglia & Tsang, "A simple method for generating gamma
    /// variables", ACM TOMS 26 (2000).
    pub(super) fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let lift = libm::exp(libm::log(self.uniform()) / shape);
            return self.gamma(shape + 1.0) * lift;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            if libm::log(self.uniform()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// Beta, from two gammas.
    pub(super) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(mut one: impl FnMut(&mut Random) -> f64) -> (f64, f64) {
        let mut random = Random::new(1, 1, Purpose::Life);
        let n = 200_000;
        let values: Vec<f64> = (0..n).map(|_| one(&mut random)).collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / f64::from(n);
        (mean, variance)
    }

    /// Means within five standard errors, variances within 3 %.
    fn near(name: &str, found: (f64, f64), mean: f64, variance: f64) {
        let error = (variance / 200_000.0).sqrt();
        assert!((found.0 - mean).abs() < 5.0 * error, "mean of {name}: {} is not {mean}", found.0);
        assert!(
            (found.1 / variance - 1.0).abs() < 0.03,
            "variance of {name}: {} is not {variance}",
            found.1
        );
    }

    #[test]
    fn distributions_have_their_moments() {
        near("uniform", draw(Random::uniform), 0.5, 1.0 / 12.0);
        near("normal", draw(Random::normal), 0.0, 1.0);
        near("exponential", draw(|r| r.exponential(4.0)), 0.25, 1.0 / 16.0);
        for shape in [0.3, 0.9, 1.0, 4.0, 50.0] {
            near("gamma", draw(|r| r.gamma(shape)), shape, shape);
        }
        let (a, b) = (0.8, 2.4_f64);
        let variance = a * b / ((a + b) * (a + b) * (a + b + 1.0));
        near("beta", draw(|r| r.beta(a, b)), a / (a + b), variance);
        near("pick", draw(|r| r.pick(&[(0.0, 3.0), (1.0, 1.0)], 2.0)), 0.25, 0.1875);
        near("below", draw(|r| if r.below(4) == 3 { 1.0 } else { 0.0 }), 0.25, 0.1875);
    }

    #[test]
    fn the_bits_are_these_on_every_machine() {
        let mut random = Random::new(42, 7, Purpose::Shop);
        let bits = [
            random.uniform().to_bits(),
            random.exponential(0.3).to_bits(),
            random.gamma(0.7).to_bits(),
            random.beta(0.8, 2.4).to_bits(),
        ];
        let expected = [
            4_599_131_647_397_303_610,
            4_611_717_567_563_779_966,
            4_615_568_701_416_456_895,
            4_581_813_906_731_545_756,
        ];
        assert_eq!(bits, expected);
    }

    #[test]
    fn streams_differ() {
        let first = |seed, customer, purpose| Random::new(seed, customer, purpose).uniform();
        let mut all = vec![
            first(1, 1, Purpose::Life),
            first(2, 1, Purpose::Life),
            first(1, 2, Purpose::Life),
            first(1, 1, Purpose::Shop),
            first(1, 1, Purpose::Browse),
            first(1, 1, Purpose::Arrival),
        ];
        all.sort_by(f64::total_cmp);
        all.dedup();
        assert_eq!(all.len(), 6);
    }
}
