//! The log-likelihood of BG/NBD and MBG/NBD with its gradient and Hessian, in one pass.
//!
//! Customers are held as distinct rows with weights, sorted by `(x, t, tx)`, so that every sum has
//! one order whatever the order of the input. Everything that depends on `x` alone (nine gamma
//! functions) is computed once per distinct `x`; a row costs two logarithms and an exponential, a
//! logarithm more where its `t` differs from the row before. Formulae: see `core.rs` for the papers;
//! the derivatives are worked out here.

use super::core::{Customer, Kind};
use super::gamma::gamma;

/// One customer, or several alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    pub customer: Customer,
    pub weight: f64,
}

impl Row {
    /// A customer that a model can have produced: a whole number of purchases, the last of them at
    /// `tx`, which is 0 if and only if there was none.
    pub(crate) fn is_legal(&self) -> bool {
        let Customer { x, tx, .. } = self.customer;
        self.customer.is_legal()
            && x.fract() == 0.0
            && (x > 0.0) == (tx > 0.0)
            && self.weight > 0.0
            && self.weight.is_finite()
    }

    /// Orders legal rows: the bits of numbers from 0 up are in the order of the numbers.
    fn key(&self) -> [u64; 4] {
        let Customer { x, tx, t } = self.customer;
        // adding 0 makes −0 a 0
        [x, t, tx, self.weight].map(|v| (v + 0.0).to_bits())
    }
}

/// Customers of the same number of purchases.
#[derive(Debug, Clone)]
struct Block {
    x: f64,
    weight: f64,
    /// distinct `(t, tx, weight)`, sorted, times in units of the longest `t`
    rows: Vec<[f64; 3]>,
}

/// Distinct customers with weights, times scaled so that the longest is 1.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    blocks: Vec<Block>,
    /// the longest `t`
    pub scale: f64,
    pub weight: f64,
    /// purchases a unit of scaled time
    pub rate: f64,
    distinct: usize,
    /// what scaling the times adds to the log-likelihood
    pub log_scale: f64,
}

impl Sample {
    /// Sorts and groups legal rows.
    pub(crate) fn new(mut rows: Vec<Row>) -> Self {
        rows.sort_unstable_by_key(Row::key);
        let longest = rows.iter().map(|r| r.customer.t).fold(0.0, f64::max);
        let scale = if longest > 0.0 { longest } else { 1.0 };
        let mut blocks: Vec<Block> = vec![];
        let (mut weight, mut bought, mut time, mut distinct) = (0.0, 0.0, 0.0, 0);
        for Row { customer: Customer { x, tx, t }, weight: w } in rows {
            let (t, tx) = (t / scale, tx / scale);
            weight += w;
            bought += w * x;
            time += w * t;
            if blocks.last().is_none_or(|b| b.x != x) {
                blocks.push(Block { x, weight: 0.0, rows: vec![] });
            }
            let Some(block) = blocks.last_mut() else { continue };
            block.weight += w;
            match block.rows.last_mut() {
                Some([last_t, last_tx, sum]) if *last_t == t && *last_tx == tx => *sum += w,
                _ => {
                    block.rows.push([t, tx, w]);
                    distinct += 1;
                }
            }
        }
        let rate = if time > 0.0 { (bought / time).clamp(1e-3, 1e3) } else { 1.0 };
        Self { blocks, scale, weight, rate, distinct, log_scale: -bought * scale.ln() }
    }

    /// About `most` of the distinct rows, spread evenly over their order, for a first approximation.
    /// `None`: there are not many more than that.
    pub(crate) fn thinned(&self, most: usize) -> Option<Self> {
        let every = self.distinct / most.max(1);
        if every < 2 {
            return None;
        }
        let mut seen = every / 2;
        let mut out = Self { blocks: vec![], weight: 0.0, distinct: 0, ..*self };
        for block in &self.blocks {
            let mut rows = vec![];
            for row in &block.rows {
                seen += 1;
                if seen.is_multiple_of(every) {
                    rows.push(*row);
                }
            }
            let kept: f64 = rows.iter().map(|[_, _, w]| w).sum();
            if kept > 0.0 {
                // as many customers of each x as in the whole
                let share = block.weight / kept;
                for [_, _, w] in &mut rows {
                    *w *= share;
                }
                out.weight += block.weight;
                out.distinct += rows.len();
                out.blocks.push(Block { x: block.x, weight: block.weight, rows });
            }
        }
        Some(out)
    }
}

/// The log-likelihood at one point, with derivatives by `r, alpha, a, b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Surface {
    pub value: f64,
    pub gradient: [f64; 4],
    pub hessian: [[f64; 4]; 4],
}

/// The log-likelihood of `sample` for the parameters `[r, alpha, a, b]` in scaled time.
pub(crate) fn log_likelihood(kind: Kind, sample: &Sample, parameters: [f64; 4]) -> Surface {
    let [r, alpha, a, b] = parameters;
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
            let Silent { log, inv, square } = silent(&block.rows, alpha);
            value -= s * log;
            g[0] -= log;
            g[1] -= s * inv;
            h[0][1] -= inv;
            h[1][1] += s * square;
            continue;
        }
        // ln(e^first + e^second): gone since tx, or alive and silent; Q and P are their shares
        let below = b + survived - 1.0;
        let m = mixed(&block.rows, alpha, s, a / below);
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
    for (row, column) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        #[expect(clippy::indexing_slicing, reason = "both are below 4")]
        {
            h[column][row] = h[row][column];
        }
    }
    Surface { value, gradient: g, hessian: h }
}

/// Sums over the rows of one block whose customers cannot have left.
struct Silent {
    log: f64,
    inv: f64,
    square: f64,
}

fn silent(rows: &[[f64; 3]], alpha: f64) -> Silent {
    let mut sums = Silent { log: 0.0, inv: 0.0, square: 0.0 };
    for &[t, _, w] in rows {
        let inv = 1.0 / (alpha + t);
        sums.log += w * (alpha + t).ln();
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

fn mixed(rows: &[[f64; 3]], alpha: f64, s: f64, odds: f64) -> Mixed {
    let mut m = Mixed::default();
    let (mut last_t, mut log_t, mut inv_t) = (f64::NAN, 0.0, 0.0);
    for &[t, tx, w] in rows {
        if t != last_t {
            (last_t, log_t, inv_t) = (t, (alpha + t).ln(), 1.0 / (alpha + t));
        }
        let (log_tx, inv_tx) = ((alpha + tx).ln(), 1.0 / (alpha + tx));
        let (d_log, d_inv) = (log_t - log_tx, inv_t - inv_tx);
        let still = (-s * d_log).exp();
        let both = odds + still;
        let (gone, alive) = (odds / both, still / both);
        let doubt = w * gone * alive;
        let (gone, alive) = (w * gone, w * alive);
        m.value += w * (both.ln() - s * log_tx);
        m.gone += gone;
        m.doubt += doubt;
        m.log += gone * log_tx + alive * log_t;
        m.inv += gone * inv_tx + alive * inv_t;
        m.square += gone * inv_tx * inv_tx + alive * inv_t * inv_t;
        m.d_log += doubt * d_log;
        m.d_inv += doubt * d_inv;
        m.d_log_2 += doubt * d_log * d_log;
        m.d_log_inv += doubt * d_log * d_inv;
        m.d_inv_2 += doubt * d_inv * d_inv;
    }
    m
}

#[cfg(test)]
mod tests {
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
        let row = |(x, tx, t)| Row { customer: Customer { x, tx, t }, weight: 1.5 };
        Sample::new(rows.into_iter().map(row).collect())
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

    #[test]
    fn duplicates_become_one_row_and_order_does_not_matter() {
        let s = sample();
        assert_eq!(s.distinct, 5);
        assert_eq!(s.weight, 9.0);
        assert!(s.thinned(3).is_none());
        assert_eq!(s.thinned(2).map(|t| t.distinct), Some(3));
    }
}
