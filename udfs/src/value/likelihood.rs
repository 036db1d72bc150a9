//! The log-likelihood of BG/NBD and MBG/NBD with its gradient and Hessian, in one pass.
//!
//! Customers are held as distinct rows with weights, sorted by `(x, t, tx)`, so that every sum has
//! one order whatever the order of the input. What depends on `x` alone (nine gamma functions) is
//! computed once per distinct `x`, what depends on a time alone once per distinct time where these
//! are few, as they are where time goes by days; a row then costs an exponential and two divisions,
//! a logarithm more where it stands for several customers. Formulae: see `core.rs` for the papers;
//! the derivatives are worked out here.

use std::ops::Range;

use super::core::{Customer, Kind};
use super::gamma::gamma;
use super::rows::{Row, Rows};

/// Distinct customers of the same number of purchases.
#[derive(Debug, Clone)]
struct Block {
    x: f64,
    weight: f64,
    /// where they are
    rows: Range<usize>,
}

/// Customers who are alike; of times their numbers.
#[derive(Debug, Clone, Copy)]
struct Alike {
    tx: u32,
    t: u32,
    weight: f64,
}

/// Distinct customers with weights, times scaled so that the longest is 1.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    blocks: Vec<Block>,
    rows: Vec<Alike>,
    times: Times,
    /// the longest `t`
    pub scale: f64,
    pub weight: f64,
    /// purchases a unit of scaled time
    pub rate: f64,
    /// what scaling the times adds to the log-likelihood
    pub log_scale: f64,
}

impl Sample {
    /// Sorts and groups rows.
    pub(crate) fn new(rows: Rows) -> Self {
        let longest = rows.longest();
        let scale = if longest > 0.0 { longest } else { 1.0 };
        let mut blocks: Vec<Block> = vec![];
        let mut alike: Vec<Alike> = Vec::with_capacity(rows.len());
        let mut times = Times::new(rows.len());
        let (mut weight, mut bought, mut time) = (0.0, 0.0, 0.0);
        let mut last: Option<Customer> = None;
        for Row { customer, weight: w } in rows.sorted() {
            let Customer { x, tx, t } = customer;
            weight += w;
            bought += w * x;
            time += w * (t / scale);
            let at = alike.len();
            if last.is_none_or(|last| last.x != x) {
                blocks.push(Block { x, weight: 0.0, rows: at..at });
            }
            let Some(block) = blocks.last_mut() else { continue };
            block.weight += w;
            match alike.last_mut() {
                Some(alike) if last == Some(customer) => alike.weight += w,
                before => {
                    let same = before.filter(|_| last.is_some_and(|last| last.t == t));
                    let t = same.map_or_else(|| times.number(t / scale), |before| before.t);
                    alike.push(Alike { tx: times.number(tx / scale), t, weight: w });
                    block.rows.end += 1;
                    last = Some(customer);
                }
            }
        }
        let rate = if time > 0.0 { (bought / time).clamp(1e-3, 1e3) } else { 1.0 };
        let log_scale = -bought * scale.ln();
        Self { blocks, rows: alike, times, scale, weight, rate, log_scale }
    }

    /// About `most` of the distinct rows, spread evenly over their order, for a first approximation.
    /// `None`: there are not many more than that.
    pub(crate) fn thinned(&self, most: usize) -> Option<Self> {
        let every = self.rows.len() / most.max(1);
        if every < 2 {
            return None;
        }
        let mut seen = every / 2;
        let times = Times::new(self.rows.len() / every);
        let mut out = Self { blocks: vec![], rows: vec![], times, weight: 0.0, ..*self };
        for block in &self.blocks {
            let start = out.rows.len();
            for row in self.rows(block) {
                seen += 1;
                if seen == every {
                    seen = 0;
                    let [tx, t] = [row.tx, row.t].map(|n| out.times.number(self.times.get(n)));
                    out.rows.push(Alike { tx, t, ..*row });
                }
            }
            let rows = out.rows.get_mut(start..).unwrap_or_default();
            let kept: f64 = rows.iter().map(|row| row.weight).sum();
            if kept > 0.0 {
                // as many customers of each x as in the whole
                let share = block.weight / kept;
                for row in rows {
                    row.weight *= share;
                }
                out.weight += block.weight;
                out.blocks.push(Block { rows: start..out.rows.len(), ..*block });
            }
        }
        Some(out)
    }

    fn rows(&self, block: &Block) -> &[Alike] {
        self.rows.get(block.rows.clone()).unwrap_or_default()
    }
}

/// Times, each with a number; one number each as long as they are few.
#[derive(Debug, Clone)]
struct Times {
    all: Vec<f64>,
    /// numbers by hash, one more than they are; 0 is free
    known: Vec<u32>,
}

impl Times {
    /// Distinct times that are few: a table of them stays in the cache.
    const FEW: usize = 1 << 14;

    /// For so many customers.
    fn new(customers: usize) -> Self {
        let room = customers.min(Self::FEW).next_power_of_two() * 4;
        Self { all: vec![], known: vec![0; room] }
    }

    fn number(&mut self, time: f64) -> u32 {
        /// places where a time may be; what finds none is not looked for again
        const PLACES: usize = 8;
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        if self.all.len() < Self::FEW {
            let hash = (time.to_bits().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as usize;
            let mask = self.known.len() - 1;
            for place in hash..hash + PLACES {
                let Some(known) = self.known.get_mut(place & mask) else { break };
                match known.checked_sub(1) {
                    Some(number) if self.all.get(number as usize) == Some(&time) => return number,
                    Some(_) => {}
                    None => {
                        *known = next.saturating_add(1);
                        break;
                    }
                }
            }
        }
        self.all.push(time);
        next
    }

    fn get(&self, number: u32) -> f64 {
        self.all.get(number as usize).copied().unwrap_or(0.0)
    }
}

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

/// The log-likelihood at one point, with derivatives by `r, alpha, a, b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Surface {
    pub value: f64,
    pub gradient: [f64; 4],
    pub hessian: [[f64; 4]; 4],
}

/// The log-likelihood of `sample` for the parameters `[r, alpha, a, b]` in scaled time.
#[expect(clippy::indexing_slicing, reason = "every number has its time")]
pub(crate) fn log_likelihood(kind: Kind, sample: &Sample, parameters: [f64; 4]) -> Surface {
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
) -> Surface {
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
        assert_eq!(s.rows.len(), 5);
        assert_eq!(s.weight, 9.0);
        assert!(s.thinned(3).is_none());
        assert_eq!(s.thinned(2).map(|t| t.rows.len()), Some(3));
    }
}
