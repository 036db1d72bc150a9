//! Gamma-Gamma: how much a customer spends at a time, and its likelihood.
//!
//! What a customer spends at a time is Gamma(p, ν) with ν ~ Gamma(q, v) among customers, whatever the
//! number of purchases (Fader & Hardie, "The Gamma-Gamma Model of Monetary Value", 2013; after Colombo
//! & Jiang 1999). Only customers with a repeat purchase and money above 0 say anything. A pass takes one
//! logarithm of a product for many rows and one division for each, eight rows at a time.

use super::core::Customer;
use super::estimate::Estimate;
use super::fit::{THINNED, weightless};
use super::gamma::gamma;
use super::newton::{Surface, maximise};
use super::rows::{Row, Rows};
use crate::fitting::faults::Fault;

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

/// Customers of the same number of purchases.
#[derive(Debug, Clone)]
struct Block {
    x: f64,
    weight: f64,
    /// where the totals of those who count once end
    ones: usize,
    /// where those of the others end
    others: usize,
}

/// Customers grouped by `x`, money scaled so that the mean is 1.
#[derive(Debug, Clone, Default)]
struct Sample {
    blocks: Vec<Block>,
    /// totals of customers who count once, block after block
    ones: Vec<f64>,
    /// those of the others, with their weight
    others: Vec<(f64, f64)>,
    weight: f64,
    /// of the totals, for what does not depend on the parameters
    logs: f64,
    /// sum of `x` times the logarithm of the total
    weighted_logs: f64,
}

impl Sample {
    fn blocks(&self) -> impl Iterator<Item = (&Block, &[f64], &[(f64, f64)])> {
        let (mut ones, mut others) = (0, 0);
        self.blocks.iter().map(move |block| {
            let of_once = self.ones.get(ones..block.ones).unwrap_or_default();
            let of_others = self.others.get(others..block.others).unwrap_or_default();
            (ones, others) = (block.ones, block.others);
            (block, of_once, of_others)
        })
    }

    /// Makes a block of what was added since the one before.
    fn end(&mut self, x: f64) {
        let (ones, others) = self.blocks.last().map_or((0, 0), |b| (b.ones, b.others));
        let others = self.others.get(others..).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "as many as memory has room for")]
        let once = (self.ones.len() - ones) as f64;
        let weight = once + others.iter().map(|(_, w)| w).sum::<f64>();
        if weight > 0.0 {
            self.weight += weight;
            self.blocks.push(Block { x, weight, ones: self.ones.len(), others: self.others.len() });
        }
    }

    /// Makes totals of means, which are divided by `scale`.
    fn total(&mut self, scale: f64) {
        // amounts that differ more than numbers can are as far apart as these
        let total = |x: f64, money: f64| (x * (money / scale)).clamp(f64::MIN_POSITIVE, 1e300);
        let (mut ones, mut others) = (self.ones.iter_mut(), self.others.iter_mut());
        let mut before = (0, 0);
        for Block { x, ones: once, others: other, .. } in &self.blocks {
            ones.by_ref().take(once - before.0).for_each(|money| *money = total(*x, *money));
            let others = others.by_ref().take(other - before.1);
            others.for_each(|(money, _)| *money = total(*x, *money));
            before = (*once, *other);
        }
        self.add_logs();
    }

    fn add_logs(&mut self) {
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (block, ones, others) in self.blocks() {
            let mut logs = Logarithms::default();
            let (eights, rest) = ones.as_chunks();
            eights.iter().for_each(|eight| logs.add_eight(eight));
            rest.iter().for_each(|total| logs.add(*total));
            let logs = logs.sum() + others.iter().map(|(total, w)| w * total.ln()).sum::<f64>();
            sum += logs;
            weighted += block.x * logs;
        }
        (self.logs, self.weighted_logs) = (sum, weighted);
    }

    fn thinned(&self, most: usize) -> Option<Self> {
        let every = (self.ones.len() + self.others.len()) / most;
        if every < 2 {
            return None;
        }
        let mut out = Self::default();
        let (mut ones, mut others) = (every / 2, every / 2);
        for (block, of_once, of_others) in self.blocks() {
            out.ones.extend(of_once.iter().skip(ones).step_by(every));
            out.others.extend(of_others.iter().skip(others).step_by(every));
            ones = next(ones, of_once.len(), every);
            others = next(others, of_others.len(), every);
            out.end(block.x);
        }
        out.add_logs();
        Some(out)
    }
}

/// How far after `many` rows the next lies, where one of `every` is taken, the first of them at `at`.
fn next(at: usize, many: usize, every: usize) -> usize {
    at.checked_sub(many).unwrap_or_else(|| (every - (many - at) % every) % every)
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
    let mut sample = Sample { ones: Vec::with_capacity(rows.len()), ..Sample::default() };
    let (mut last, mut different) = (None, 0);
    rows.in_order(|Row { customer: Customer { x, t: money, .. }, weight, .. }| {
        if let Some((before, _)) = last
            && before != x
        {
            sample.end(before);
        }
        different += usize::from(last != Some((x, money)));
        last = Some((x, money));
        if weight == 1.0 {
            sample.ones.push(money);
        } else {
            sample.others.push((money, weight));
        }
    });
    sample.end(last.map_or(0.0, |(x, _)| x));
    let weight = sample.weight;
    let mean_x = sample.blocks.iter().map(|b| b.weight * b.x).sum::<f64>() / weight;
    let mean_money = sum(&sample.ones, &sample.others, |money| money) / weight;
    let most = sample.ones.iter().chain(sample.others.iter().map(|(money, _)| money));
    let most = most.fold(0.0, |most: f64, money| most.max(*money));
    let scale = if mean_money < f64::MAX { mean_money } else { most };
    let (mut xx, mut xm, mut mm) = (0.0, 0.0, 0.0);
    for (block, ones, others) in sample.blocks() {
        let (dx, dm) = (block.x - mean_x, |money: f64| money / scale - 1.0);
        xx += block.weight * dx * dx;
        xm += dx * sum(ones, others, dm);
        mm += sum(ones, others, |money| dm(money) * dm(money));
    }
    let correlation = xm / (xx.sqrt() * mm.sqrt());
    // the density is by money: x of the total, and in its own unit
    let of_money =
        sample.blocks.iter().map(|b| b.weight * b.x.ln()).sum::<f64>() - weight * scale.ln();
    sample.total(scale);
    let poverty = match different {
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

/// Rows that a step looks at together.
const LANES: usize = 8;

/// The sum of what `of` makes of money, always in the same order.
fn sum(ones: &[f64], others: &[(f64, f64)], of: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (eights, rest) = ones.as_chunks::<LANES>();
    for money in eights.iter().map(<[f64; LANES]>::as_slice).chain([rest]) {
        lanes.iter_mut().zip(money).for_each(|(lane, money)| *lane += of(*money));
    }
    lanes.iter().sum::<f64>() + others.iter().map(|(money, w)| w * of(*money)).sum::<f64>()
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
    fn add(&mut self, number: f64) {
        let next = self.product * number;
        if (1e-200..1e200).contains(&next) {
            self.product = next;
        } else {
            self.others += self.product.ln();
            self.product = number;
        }
    }

    #[inline]
    fn add_eight(&mut self, numbers: &[f64; LANES]) {
        let [a, b, c, d, e, f, g, h] = *numbers;
        // no product of these loses digits
        if numbers.iter().all(|number| (1e-12..1e12).contains(number)) {
            self.add(((a * b) * (c * d)) * ((e * f) * (g * h)));
        } else {
            numbers.iter().for_each(|number| self.add(*number));
        }
    }

    fn sum(self) -> f64 {
        self.others + self.product.ln()
    }
}

/// The log-likelihood of the totals for the parameters `[p, q, v]` with its derivatives.
fn log_likelihood(sample: &Sample, [p, q, v]: [f64; 3]) -> Surface<3> {
    let at_q = gamma(q);
    let mut surface = Surface::<3>::ZERO;
    // (px − 1)·ln(total)
    surface.value = p * sample.weighted_logs - sample.logs;
    surface.gradient[0] = sample.weighted_logs;
    for (block, ones, others) in sample.blocks() {
        let (x, n) = (block.x, block.weight);
        let shape = p * x + q;
        let (at_px, at_shape) = (gamma(p * x), gamma(shape));
        let Sums { log, inv, square } = Sums::of(ones, others, v);
        surface.value += n * (at_shape.ln - at_px.ln - at_q.ln + q * v.ln()) - shape * log;
        surface.gradient[0] += x * (n * (at_shape.digamma - at_px.digamma) - log);
        surface.gradient[1] += n * (at_shape.digamma - at_q.digamma + v.ln()) - log;
        surface.gradient[2] += n * q / v - shape * inv;
        surface.hessian[0][0] += n * x * x * (at_shape.trigamma - at_px.trigamma);
        surface.hessian[0][1] += n * x * at_shape.trigamma;
        surface.hessian[0][2] -= x * inv;
        surface.hessian[1][1] += n * (at_shape.trigamma - at_q.trigamma);
        surface.hessian[1][2] += n / v - inv;
        surface.hessian[2][2] += shape * square - n * q / (v * v);
    }
    surface.mirror();
    surface
}

/// Over the customers of a block, of their totals and `v`: the logarithms of the sums, what is 1 over
/// them, and the squares of that.
struct Sums {
    log: f64,
    inv: f64,
    square: f64,
}

impl Sums {
    fn of(ones: &[f64], others: &[(f64, f64)], v: f64) -> Self {
        let mut logs = Logarithms::default();
        let (mut invs, mut squares) = ([0.0; LANES], [0.0; LANES]);
        let (eights, rest) = ones.as_chunks::<LANES>();
        for eight in eights {
            let both = eight.map(|total| total + v);
            let over = both.map(|both| 1.0 / both);
            for ((inv, square), over) in invs.iter_mut().zip(&mut squares).zip(over) {
                *inv += over;
                *square += over * over;
            }
            logs.add_eight(&both);
        }
        let mut log = 0.0;
        let (mut inv, mut square) = (invs.iter().sum::<f64>(), squares.iter().sum::<f64>());
        let rest = rest.iter().map(|total| (*total, 1.0));
        for (total, w) in rest.chain(others.iter().copied()) {
            let over = 1.0 / (total + v);
            log += w * (total + v).ln();
            inv += w * over;
            square += w * over * over;
        }
        Self { log: log + logs.sum(), inv, square }
    }
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
        let mut sample = Sample::default();
        let mut block = |x: f64, ones: &[f64], others: &[(f64, f64)]| {
            sample.ones.extend(ones);
            sample.others.extend(others);
            sample.end(x);
        };
        block(1.0, &[0.3, 4.0, 1.0, 1.5, 0.7, 2.1, 1e-13, 0.2, 0.5], &[(0.9, 2.5)]);
        block(3.0, &[2.0, 1.5, 6.0, 3.1, 4.2, 1.1, 9.7, 3.3], &[]);
        block(7.0, &[5.0, 9.0], &[(6.5, 3.0), (2.0, 0.25)]);
        sample.add_logs();
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
