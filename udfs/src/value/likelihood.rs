//! The log-likelihood of BG/NBD and MBG/NBD with its gradient and Hessian, in one pass.
//!
//! Nine gamma functions are computed once per distinct `x`, what depends on a time alone once per
//! distinct time where these are few (see `sample.rs`); a row then costs an exponential and two
//! divisions, a logarithm more where it stands for several customers. Formulae: see `core.rs` for the
//! papers; the derivatives are worked out here.

use super::core::Kind;
use super::gamma::gamma;
use super::newton::Surface;
use super::sample::{Alike, Sample, Times};

/// Logarithm and inverse of `alpha` and a time.
#[derive(Debug, Clone, Copy)]
struct Behind {
    log: f64,
    inv: f64,
}

impl Behind {
    fn new(alpha: f64, time: f64) -> Self {
        Self { log: (alpha + time).ln(), inv: 1.0 / (alpha + time) }
    }
}

/// The log-likelihood of `sample` for the parameters `[r, alpha, a, b]` in scaled time, with its
/// derivatives by them.
#[expect(clippy::indexing_slicing, reason = "every number has its time")]
pub(crate) fn log_likelihood(kind: Kind, sample: &Sample, parameters: [f64; 4]) -> Surface<4> {
    let [_, alpha, _, _] = parameters;
    let times = &sample.times.all;
    if times.len() > Times::FEW {
        return add_up(kind, sample, parameters, |n| Behind::new(alpha, times[n as usize]));
    }
    let table: Vec<Behind> = times.iter().map(|&time| Behind::new(alpha, time)).collect();
    add_up(kind, sample, parameters, |n| table[n as usize])
}

/// The log-likelihood where `behind` tells what a number of a time stands for.
fn add_up(
    kind: Kind,
    sample: &Sample,
    [r, alpha, a, b]: [f64; 4],
    behind: impl Fn(u32) -> Behind,
) -> Surface<4> {
    let (at_r, at_a_b, at_b) = (gamma(r), gamma(a + b), gamma(b));
    let log_alpha = alpha.ln();
    let (mut value, mut g, mut h) = (0.0, [0.0; 4], [[0.0; 4]; 4]);
    for block in &sample.blocks {
        let (x, n, s) = (block.x, block.weight, r + block.x);
        let survived = kind.survived(x);
        let (at_s, at_b_y, at_a_b_y) = (gamma(s), gamma(b + survived), gamma(a + b + survived));
        value +=
            n * (at_s.ln - at_r.ln + r * log_alpha + at_a_b.ln + at_b_y.ln - at_b.ln - at_a_b_y.ln);
        g[0] += n * (at_s.digamma - at_r.digamma + log_alpha);
        g[1] += n * r / alpha;
        let both = at_a_b.digamma - at_a_b_y.digamma;
        g[2] += n * both;
        g[3] += n * (both + at_b_y.digamma - at_b.digamma);
        h[0][0] += n * (at_s.trigamma - at_r.trigamma);
        h[0][1] += n / alpha;
        h[1][1] -= n * r / (alpha * alpha);
        let both = at_a_b.trigamma - at_a_b_y.trigamma;
        h[2][2] += n * both;
        h[2][3] += n * both;
        h[3][3] += n * (both + at_b_y.trigamma - at_b.trigamma);
        if survived == 0.0 {
            let Silent { log, inv, square } = silent(sample.rows(block), &behind);
            value -= s * log;
            g[0] -= log;
            g[1] -= s * inv;
            h[0][1] -= inv;
            h[1][1] += s * square;
            continue;
        }
        // ln(e^first + e^second): gone since tx, or alive and silent; Q and P are their shares
        let below = b + survived - 1.0;
        let m = mixed(sample.rows(block), &behind, s, a / below);
        let (by_a, by_b) = (1.0 / a, -1.0 / below);
        value += m.value;
        g[0] -= m.log;
        g[1] -= s * m.inv;
        g[2] += m.gone * by_a;
        g[3] += m.gone * by_b;
        h[0][0] += m.d_log_2;
        h[0][1] += s * m.d_log_inv - m.inv;
        h[1][1] += s * (m.square + s * m.d_inv_2);
        h[0][2] += m.d_log * by_a;
        h[0][3] += m.d_log * by_b;
        h[1][2] += s * m.d_inv * by_a;
        h[1][3] += s * m.d_inv * by_b;
        h[2][2] += (m.doubt - m.gone) * by_a * by_a;
        h[2][3] += m.doubt * by_a * by_b;
        h[3][3] += (m.doubt + m.gone) * by_b * by_b;
    }
    let mut surface = Surface { value, gradient: g, hessian: h };
    surface.mirror();
    surface
}

/// Sums over the rows of one block whose customers cannot have left.
struct Silent {
    log: f64,
    inv: f64,
    square: f64,
}

fn silent(rows: &[Alike], behind: impl Fn(u32) -> Behind) -> Silent {
    let mut sums = Silent { log: 0.0, inv: 0.0, square: 0.0 };
    for row in rows {
        let (Behind { log, inv }, w) = (behind(row.t), row.weight);
        sums.log += w * log;
        sums.inv += w * inv;
        sums.square += w * inv * inv;
    }
    sums
}

/// Sums over the rows of one block: `gone` is the probability of having left, `doubt` that times
/// its complement, `log` and `inv` the expected logarithm and inverse of the time behind, and
/// `d_…` how much they would differ, weighted by the doubt.
#[derive(Default)]
struct Mixed {
    value: f64,
    gone: f64,
    doubt: f64,
    log: f64,
    inv: f64,
    square: f64,
    d_log: f64,
    d_inv: f64,
    d_log_2: f64,
    d_log_inv: f64,
    d_inv_2: f64,
}

fn mixed(rows: &[Alike], behind: impl Fn(u32) -> Behind, s: f64, odds: f64) -> Mixed {
    let mut m = Mixed::default();
    // the logarithms of many numbers are the logarithm of their product
    let mut product = 1.0;
    for row in rows {
        let (at_t, at_tx, w) = (behind(row.t), behind(row.tx), row.weight);
        let (d_log, d_inv) = (at_t.log - at_tx.log, at_t.inv - at_tx.inv);
        let still = (-s * d_log).exp();
        let both = odds + still;
        let (gone, alive) = (odds / both, still / both);
        let doubt = w * gone * alive;
        let next = product * both;
        if w == 1.0 && (1e-200..1e200).contains(&next) {
            product = next;
        } else {
            m.value += w * both.ln();
        }
        let (gone, alive) = (w * gone, w * alive);
        m.value -= w * s * at_tx.log;
        m.gone += gone;
        m.doubt += doubt;
        m.log += gone * at_tx.log + alive * at_t.log;
        m.inv += gone * at_tx.inv + alive * at_t.inv;
        m.square += gone * at_tx.inv * at_tx.inv + alive * at_t.inv * at_t.inv;
        m.d_log += doubt * d_log;
        m.d_inv += doubt * d_inv;
        m.d_log_2 += doubt * d_log * d_log;
        m.d_log_inv += doubt * d_log * d_inv;
        m.d_inv_2 += doubt * d_inv * d_inv;
    }
    m.value += product.ln();
    m
}

#[cfg(test)]
mod tests {
    use super::super::core::Customer;
    use super::super::rows::Row;
    use super::*;

    fn sample() -> Sample {
        let rows = [
            (0.0, 0.0, 38.0),
            (0.0, 0.0, 12.0),
            (1.0, 3.0, 30.0),
            (4.0, 25.0, 30.0),
            (1.0, 3.0, 30.0),
            (250.0, 29.0, 31.0),
        ];
        let row = |(x, tx, t)| Row { weight: 1.5, ..Row::one(Customer { x, tx, t }) };
        Sample::new(&mut rows.into_iter().map(row).collect())
    }

    #[test]
    fn the_derivatives_are_those_of_the_value() {
        for kind in Kind::ALL {
            for at in [[0.3, 0.1, 0.8, 2.4], [2.0, 0.5, 0.05, 0.3], [40.0, 3.0, 12.0, 5.0]] {
                let here = log_likelihood(kind, &sample(), at);
                for i in 0..4 {
                    let step = 1e-5 * at[i];
                    let side = |by: f64| {
                        let mut p = at;
                        p[i] += by;
                        log_likelihood(kind, &sample(), p)
                    };
                    let (up, down) = (side(step), side(-step));
                    let slope = (up.value - down.value) / (2.0 * step);
                    let tolerance =
                        1e-6 * (1.0 + here.gradient[i].abs() + here.value.abs() * 1e-4 / at[i]);
                    assert!(
                        (slope - here.gradient[i]).abs() < tolerance,
                        "{kind:?} {at:?} {i}: {slope} {}",
                        here.gradient[i]
                    );
                    for j in 0..4 {
                        let curve = (up.gradient[j] - down.gradient[j]) / (2.0 * step);
                        let want = here.hessian[i][j];
                        assert!(
                            (curve - want).abs() < 1e-5 * (1.0 + want.abs()),
                            "{kind:?} {at:?} {i}{j}: {curve} {want}"
                        );
                    }
                }
            }
        }
    }
}
