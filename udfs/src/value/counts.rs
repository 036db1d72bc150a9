//! How many events there are in a time, at a random rate: the negative binomial distribution.
//!
//! Terms are summed upwards or downwards from the one that is asked for, so that all that is added is
//! positive; only where most of the distribution lies above is a sum of what lies below taken from 1.

use super::gamma::{gamma, ln_gamma_ratio};

/// The number of events in a time `u` at a rate `Gamma(s, 1)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    s: f64,
    u: f64,
}

impl Counts {
    pub(crate) fn new(s: f64, u: f64) -> Self {
        // far beyond any time; keeps every product below finite
        Self { s, u: u.min(1e200) }
    }

    /// The part of the events of a longer time that each is of.
    fn share(&self) -> f64 {
        self.u / (1.0 + self.u)
    }

    /// The probability of `n` events.
    pub(crate) fn exactly(&self, n: f64) -> f64 {
        if n == 0.0 {
            (-self.s * self.u.ln_1p()).exp()
        } else if self.u <= 0.0 {
            0.0
        } else {
            (ln_ways(self.s, n) + self.ln_of_one_way(n)).exp()
        }
    }

    /// The logarithm of the probability of `n` events without its factor of [`ln_ways`], for a `u` above
    /// 0.
    pub(crate) fn ln_of_one_way(&self, n: f64) -> f64 {
        -self.s * self.u.ln_1p() - n * (1.0 / self.u).ln_1p()
    }

    /// The probability of `n` events or more.
    pub(crate) fn at_least(&self, n: f64) -> f64 {
        let (mean, spread) = (self.s * self.u, (self.s * self.u * (1.0 + self.u)).sqrt());
        if n <= 0.0 {
            1.0
        } else if n <= (mean + 3.0 * spread).max(self.u) {
            (1.0 - self.below(n)).max(0.0)
        } else {
            self.from(n)
        }
    }

    /// The sum of the terms below `n`, downwards.
    fn below(&self, n: f64) -> f64 {
        let share = self.share();
        let (mut at, mut term) = (n - 1.0, self.exactly(n - 1.0));
        let mut sum = term;
        while at >= 1.0 {
            term *= at / ((self.s + at - 1.0) * share);
            at -= 1.0;
            sum += term;
            // below a single peak terms only fall
            if term <= 1e-18 * sum && self.s >= 1.0 {
                break;
            }
        }
        sum
    }

    /// The sum of the terms from `n` on, which fall.
    fn from(&self, n: f64) -> f64 {
        let share = self.share();
        let (mut at, mut term) = (n, self.exactly(n));
        let mut sum = term;
        loop {
            let next = (self.s + at) / (at + 1.0) * share;
            term *= next;
            sum += term;
            at += 1.0;
            // what follows falls at least as a power of the greater of the two
            if term <= 1e-17 * sum * (1.0 - next.max(share)) {
                return sum;
            }
        }
    }
}

/// The logarithm of `Γ(s + n) / (Γ(s)·n!)`, from the side on which less cancels.
pub(crate) fn ln_ways(s: f64, n: f64) -> f64 {
    if s > n {
        ln_gamma_ratio(s, n) - gamma(n + 1.0).ln
    } else if s >= 1.0 {
        ln_gamma_ratio(n + 1.0, s - 1.0) - gamma(s).ln
    } else {
        -ln_gamma_ratio(n + s, 1.0 - s) - gamma(s).ln
    }
}

/// The mean of `(1 − p)^n` over `p ~ Beta(a, b)`: who stays `n` times.
pub(crate) fn stays(a: f64, b: f64, n: f64) -> f64 {
    if n == 0.0 {
        return 1.0;
    }
    // Γ(b + n) Γ(a + b) / (Γ(b) Γ(a + b + n))
    (ln_gamma_ratio(b, a) - ln_gamma_ratio(b + n, a)).exp()
}

/// The probability of `n` purchases, where `exactly` is that of as many chances to buy and `at_least`
/// that of as many or more, and `p ~ Beta(a, b)` is the chance to leave after each.
pub(crate) fn made_before_leaving(a: f64, b: f64, n: f64, exactly: f64, at_least: f64) -> f64 {
    let through = stays(a, b, n) * exactly;
    if n == 0.0 {
        return through;
    }
    through + stays(a, b, n - 1.0) * a / (a + b + n - 1.0) * at_least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probabilities_of_all_counts_are_1() {
        for s in [0.01, 0.3, 1.0, 4.5, 300.0, 1e5] {
            for u in [1e-6, 0.02, 1.0, 30.0] {
                let counts = Counts::new(s, u);
                let (mut below, mut n) = (0.0, 0.0);
                while n < 200.0 {
                    let rest = counts.at_least(n);
                    assert!((below + rest - 1.0).abs() < 1e-10, "{s} {u} {n}: {below} + {rest}");
                    // each tail is the next one and what is between them
                    let next = counts.exactly(n) + counts.at_least(n + 1.0);
                    assert!(
                        (rest - next).abs() <= 1e-10 * rest + 1e-290,
                        "{s} {u} {n}: {rest}, {next}"
                    );
                    below += counts.exactly(n);
                    n += 1.0;
                }
            }
        }
    }

    #[test]
    fn nothing_happens_in_no_time() {
        let counts = Counts::new(0.7, 0.0);
        assert_eq!((counts.exactly(0.0), counts.at_least(0.0)), (1.0, 1.0));
        assert_eq!((counts.exactly(3.0), counts.at_least(3.0)), (0.0, 0.0));
    }
}
