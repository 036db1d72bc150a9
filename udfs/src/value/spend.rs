//! Gamma-Gamma: how much a customer spends at a time, and its likelihood.
//!
//! What a customer spends at a time is Gamma(p, ν) with ν ~ Gamma(q, v) among customers, whatever the
//! number of purchases (Fader & Hardie, "The Gamma-Gamma Model of Monetary Value", 2013; after Colombo
//! & Jiang 1999). Only customers with a repeat purchase and money above 0 say anything. A pass takes one
//! logarithm of a product for many rows and one division for each.

use super::core::Customer;
use super::estimate::{Estimate, Fault};
use super::fit::{THINNED, weightless};
use super::gamma::gamma;
use super::newton::{Surface, maximise};
use super::rows::{Row, Rows};

/// A fitted model; all parameters are positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spend {
    pub p: f64,
    pub q: f64,
    pub v: f64,
}

/// Names of the parameters.
pub(crate) const PARAMETERS: [&str; 3] = ["p", "q", "v"];

impl Spend {
    /// The mean expected of a purchase of a customer who made `x` at a mean of `money`; that of all
    /// customers where `x` is 0. `None`: it is not finite, or no customer can have spent so.
    pub(crate) fn expected(&self, x: f64, money: f64) -> Option<f64> {
        let shape = self.p * x + self.q - 1.0;
        let spent = if x == 0.0 { 0.0 } else { x * money };
        let legal = x >= 0.0 && (x == 0.0 || money > 0.0) && spent.is_finite();
        let mean = self.p * (self.v + spent) / shape;
        (legal && shape > 0.0 && mean.is_finite()).then_some(mean)
    }
}

/// A customer as a row: the mean stands in the place of `t`.
pub(crate) fn row(x: f64, money: f64) -> Customer {
    Customer { x, tx: 0.0, t: money }
}

/// What keeps a row from saying anything of what is spent.
pub(crate) fn fault(row: &Row) -> Option<Fault> {
    let Customer { x, t: money, .. } = row.customer;
    if !(x >= 0.0 && x.is_finite()) {
        Some(Fault::NotFinite)
    } else if x == 0.0 {
        Some(Fault::NoOpportunity)
    } else if money.is_nan() || money.is_infinite() {
        Some(Fault::NotFinite)
    } else if money <= 0.0 {
        Some(Fault::NoMoney)
    } else if x.fract() != 0.0 {
        Some(Fault::NotWhole)
    } else {
        weightless(row)
    }
}

/// Customers of the same number of purchases: the total of each, and its weight.
#[derive(Debug, Clone)]
struct Block {
    x: f64,
    weight: f64,
    rows: Vec<(f64, f64)>,
}

/// Customers grouped by `x`, money scaled so that the mean is 1.
#[derive(Debug, Clone)]
struct Sample {
    blocks: Vec<Block>,
    weight: f64,
    rows: usize,
    /// of the totals, for what does not depend on the parameters
    logs: f64,
    /// sum of `x` times the logarithm of the total
    weighted_logs: f64,
}

impl Sample {
    fn thinned(&self, most: usize) -> Option<Self> {
        let every = self.rows / most;
        if every < 2 {
            return None;
        }
        let mut seen = every / 2;
        let mut out = Self { blocks: vec![], weight: 0.0, rows: 0, logs: 0.0, weighted_logs: 0.0 };
        for block in &self.blocks {
            let keep = |_: &&(f64, f64)| {
                seen += 1;
                let keeps = seen == every;
                seen %= every;
                keeps
            };
            let rows: Vec<(f64, f64)> = block.rows.iter().filter(keep).copied().collect();
            out.push(Block { x: block.x, weight: rows.iter().map(|r| r.1).sum(), rows });
        }
        Some(out)
    }

    fn push(&mut self, block: Block) {
        let mut logs = Logarithms::default();
        block.rows.iter().for_each(|(total, w)| logs.add(*total, *w));
        let logs = logs.sum();
        self.logs += logs;
        self.weighted_logs += block.x * logs;
        self.weight += block.weight;
        self.rows += block.rows.len();
        self.blocks.push(block);
    }
}

/// A fitted model of spending and the correlation of frequency and money, of which it knows nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fit {
    pub estimate: Estimate,
    /// between −1 and 1; NULL where one of the two does not vary
    pub correlation: Option<f64>,
}

/// The model that makes the legal `rows` most likely. `None`: no rows.
pub(crate) fn fit(rows: &mut Rows, l2: f64) -> Option<Fit> {
    if rows.len() == 0 {
        return None;
    }
    let mut blocks: Vec<Block> = vec![];
    rows.in_order(|Row { customer: Customer { x, t: money, .. }, weight, .. }| {
        if blocks.last().is_none_or(|block| block.x != x) {
            blocks.push(Block { x, weight: 0.0, rows: vec![] });
        }
        let Some(block) = blocks.last_mut() else { return };
        block.weight += weight;
        match block.rows.last_mut() {
            // such as the minima of many: customers alike are one row
            Some(alike) if alike.0 == money => alike.1 += weight,
            _ => block.rows.push((money, weight)),
        }
    });
    let customers =
        || blocks.iter().flat_map(|b| b.rows.iter().map(|(money, w)| (*w, b.x, *money)));
    let weight: f64 = blocks.iter().map(|b| b.weight).sum();
    let mean = |of: fn(f64, f64) -> f64| {
        customers().map(|(w, x, money)| w * of(x, money)).sum::<f64>() / weight
    };
    let most = customers().map(|(.., money)| money).fold(0.0, f64::max);
    let mean_money = mean(|_, money| money);
    let (mean_x, scale) = (mean(|x, _| x), if mean_money < f64::MAX { mean_money } else { most });
    let (mut xx, mut xm, mut mm) = (0.0, 0.0, 0.0);
    for (w, x, money) in customers() {
        let (dx, dm) = (x - mean_x, money / scale - 1.0);
        xx += w * dx * dx;
        xm += w * dx * dm;
        mm += w * dm * dm;
    }
    let correlation = xm / (xx.sqrt() * mm.sqrt());
    // the density is by money: x of the total, and in its own unit
    let of_money = blocks.iter().map(|b| b.weight * b.x.ln()).sum::<f64>() - weight * scale.ln();
    let mut sample = Sample { blocks: vec![], weight: 0.0, rows: 0, logs: 0.0, weighted_logs: 0.0 };
    for mut block in blocks {
        for (total, _) in &mut block.rows {
            // amounts that differ more than numbers can are as far apart as these
            *total = (block.x * (*total / scale)).clamp(f64::MIN_POSITIVE, 1e300);
        }
        sample.push(block);
    }
    let poverty = match sample.rows {
        1 => Some("all customers are alike"),
        few if few < 10 => Some("there are fewer than ten different customers"),
        _ => None,
    };
    let thinned = THINNED.iter().filter_map(|most| sample.thinned(*most)).collect::<Vec<_>>();
    let samples = thinned.iter().chain([&sample]);
    let starts = [(2.0, 4.0, 2.0), (6.0, 3.0, 0.5), (1.0, 1.5, 1.0), (20.0, 20.0, 1.0)]
        .map(|(p, q, v): (f64, f64, f64)| [p.ln(), q.ln(), v.ln()]);
    let mut top = maximise(samples, |s| s.weight, log_likelihood, starts, l2)?;
    top.ll += of_money;
    let estimate = Estimate::of(&top, PARAMETERS).scaled(2, scale).because(poverty);
    Some(Fit { estimate, correlation: correlation.is_finite().then_some(correlation) })
}

/// Logarithms added up: those of many numbers are the logarithm of their product.
struct Logarithms {
    product: f64,
    others: f64,
}

impl Default for Logarithms {
    fn default() -> Self {
        Self { product: 1.0, others: 0.0 }
    }
}

impl Logarithms {
    #[inline]
    fn add(&mut self, number: f64, weight: f64) {
        if weight != 1.0 {
            self.others += weight * number.ln();
            return;
        }
        let next = self.product * number;
        if (1e-200..1e200).contains(&next) {
            self.product = next;
        } else {
            self.others += self.product.ln();
            self.product = number;
        }
    }

    fn sum(self) -> f64 {
        self.others + self.product.ln()
    }
}

/// The log-likelihood of the totals for the parameters `[p, q, v]` with its derivatives.
fn log_likelihood(sample: &Sample, [p, q, v]: [f64; 3]) -> Surface<3> {
    let at_q = gamma(q);
    let mut sum = Surface::<3>::ZERO;
    // (px − 1)·ln(total)
    sum.value = p * sample.weighted_logs - sample.logs;
    sum.gradient[0] = sample.weighted_logs;
    for block in &sample.blocks {
        let (x, n) = (block.x, block.weight);
        let shape = p * x + q;
        let (at_px, at_shape) = (gamma(p * x), gamma(shape));
        let (mut logs, mut inv, mut square) = (Logarithms::default(), 0.0, 0.0);
        for &(total, w) in &block.rows {
            let both = total + v;
            let over = 1.0 / both;
            logs.add(both, w);
            inv += w * over;
            square += w * over * over;
        }
        let log = logs.sum();
        sum.value += n * (at_shape.ln - at_px.ln - at_q.ln + q * v.ln()) - shape * log;
        sum.gradient[0] += x * (n * (at_shape.digamma - at_px.digamma) - log);
        sum.gradient[1] += n * (at_shape.digamma - at_q.digamma + v.ln()) - log;
        sum.gradient[2] += n * q / v - shape * inv;
        sum.hessian[0][0] += n * x * x * (at_shape.trigamma - at_px.trigamma);
        sum.hessian[0][1] += n * x * at_shape.trigamma;
        sum.hessian[0][2] -= x * inv;
        sum.hessian[1][1] += n * (at_shape.trigamma - at_q.trigamma);
        sum.hessian[1][2] += n / v - inv;
        sum.hessian[2][2] += shape * square - n * q / (v * v);
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

    fn rows(all: &[(f64, f64)]) -> Rows {
        all.iter().map(|&(x, money)| Row::one(row(x, money))).collect()
    }

    #[test]
    fn the_derivatives_are_those_of_the_value() {
        let block = |x: f64, rows: &[(f64, f64)]| Block {
            x,
            weight: rows.iter().map(|r| r.1).sum(),
            rows: rows.to_vec(),
        };
        let mut sample =
            Sample { blocks: vec![], weight: 0.0, rows: 0, logs: 0.0, weighted_logs: 0.0 };
        sample.push(block(1.0, &[(0.3, 1.0), (0.9, 2.5), (4.0, 1.0)]));
        sample.push(block(7.0, &[(5.0, 1.0), (9.0, 1.0)]));
        for at in [[6.0, 4.0, 0.5], [0.7, 1.2, 3.0], [30.0, 0.4, 9.0]] {
            derivatives_agree(|p| log_likelihood(&sample, p), at);
        }
    }

    #[test]
    fn what_is_drawn_from_a_model_gives_it_back() {
        let mut state = 1_u64;
        let mut chance = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as f64 + 0.5) / (1_u64 << 31) as f64
        };
        // whole shapes: sums of exponentials; p 3, q 4, v 50
        let mut gamma = |shape: u32| -> f64 { (0..shape).map(|_| -chance().ln()).sum() };
        let drawn: Vec<(f64, f64)> = (0..60_000_u32)
            .map(|i| {
                let x = 1 + i % 5;
                let nu = gamma(4) / 50.0;
                (f64::from(x), gamma(3 * x) / nu / f64::from(x))
            })
            .collect();
        let got = fit(&mut rows(&drawn), 0.0).expect("rows");
        let se = got.estimate.se.expect("converged");
        for ((got, want), se) in got.estimate.parameters.iter().zip([3.0, 4.0, 50.0]).zip(se) {
            assert!((got - want).abs() < 3.0 * se && se < 0.1 * want, "{got} ± {se}, not {want}");
        }
        assert!(got.correlation.expect("both vary").abs() < 0.02);
    }

    #[test]
    fn money_in_another_coin_is_the_same_model() {
        let some =
            [(1.0, 3.0), (1.0, 8.0), (2.0, 5.0), (3.0, 11.0), (4.0, 2.0), (9.0, 7.0), (2.0, 1.5)];
        let coins = some.map(|(x, money)| (x, 100.0 * money));
        let (a, b) =
            (fit(&mut rows(&some), 0.5).expect("rows"), fit(&mut rows(&coins), 0.5).expect("rows"));
        for ((a, b), by) in
            a.estimate.parameters.iter().zip(&b.estimate.parameters).zip([1.0, 1.0, 100.0])
        {
            assert!((b / a / by - 1.0).abs() < 1e-7, "{a} {b}");
        }
        assert!((a.estimate.ll - b.estimate.ll - 7.0 * 100_f64.ln()).abs() < 1e-7);
    }

    #[test]
    fn degenerate_money_ends_quickly_with_finite_figures() {
        let sets: [&[(f64, f64)]; 6] = [
            &[(1.0, 5.0)],
            &[(2.0, 5.0); 40],
            &[(1.0, 1e-300), (1.0, 1e300)],
            &[(1e6, 1.0), (1e6, 2.0), (1.0, 3.0)],
            &[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0), (1.0, 4.0)],
            &[(3.0, 10.0), (3.0, 10.000001)],
        ];
        for set in sets {
            let begin = Instant::now();
            let got = fit(&mut rows(set), 0.0).expect("rows").estimate;
            assert!(begin.elapsed() < AN_ANSWER, "{set:?}");
            assert!(got.ll.is_finite() && got.parameters.iter().all(|v| v.is_finite()), "{got:?}");
        }
        assert_eq!(fit(&mut Rows::default(), 0.0), None);
    }
}
