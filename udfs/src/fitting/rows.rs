//! Rows of numbers in one order, equal ones as one with their number, and features standardised.

use std::cmp::Ordering;

use super::gram::{Block, add, blocks, padded};

/// Rows sorted by `key` of the first number and then by all, each with how often it is there.
pub(crate) fn distinct(rows: &[f64], width: usize, key: impl Fn(f64) -> u64) -> Vec<(&[f64], f64)> {
    let mut sorted: Vec<(u64, &[f64])> = rows
        .chunks_exact(width.max(1))
        .map(|row| (row.first().copied().map_or(0, &key), row))
        .collect();
    sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| compare(a.1, b.1)));
    let mut out: Vec<(&[f64], f64)> = Vec::with_capacity(sorted.len());
    for (_, row) in sorted {
        match out.last_mut() {
            Some((last, n)) if compare(last, row) == Ordering::Equal => *n += 1.0,
            _ => out.push((row, 1.0)),
        }
    }
    out
}

fn compare(a: &[f64], b: &[f64]) -> Ordering {
    let unequal = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
    unequal.unwrap_or(Ordering::Equal)
}

/// Features less their means, in units of their standard deviations.
#[derive(Debug)]
pub(crate) struct Standardised {
    /// row by row, in blocks
    values: Vec<Block>,
    blocks: usize,
    pub means: Vec<f64>,
    /// 0 for a feature that is constant, whose values are then 0
    pub deviations: Vec<f64>,
}

impl Standardised {
    /// `features` rows of `width` numbers, and their weights; with `intercept` each row begins
    /// with a 1.
    pub(crate) fn of<'a>(
        features: impl Iterator<Item = (&'a [f64], f64)>,
        width: usize,
        intercept: bool,
    ) -> Self {
        let lead = usize::from(intercept);
        let blocks = blocks(width + lead);
        let mut values = Vec::new();
        let mut weights = Vec::new();
        for (row, weight) in features {
            let start = values.len();
            values.resize(start + blocks, Block::default());
            let to = values.get_mut(start..).unwrap_or_default().as_flattened_mut();
            to.iter_mut().skip(lead).zip(row).for_each(|(to, x)| *to = *x);
            weights.push(weight);
        }
        let total: f64 = weights.iter().sum();
        let rows = || values.chunks_exact(blocks.max(1)).zip(&weights);
        let mut sums = vec![Block::default(); blocks];
        for (row, weight) in rows() {
            add(&mut sums, weight / total, row);
        }
        let mut squares = vec![Block::default(); blocks];
        let mut varies = vec![false; width + lead];
        let first = values.get(..blocks).unwrap_or_default();
        for (row, weight) in rows() {
            let share = weight / total;
            for ((to, x), mean) in squares.iter_mut().zip(row).zip(&sums) {
                for ((to, x), mean) in to.iter_mut().zip(x).zip(mean) {
                    *to += share * (x - mean) * (x - mean);
                }
            }
            if row != first {
                let row = row.as_flattened().iter().zip(first.as_flattened());
                varies.iter_mut().zip(row).for_each(|(to, (a, b))| *to |= a != b);
            }
        }
        let mut means: Vec<f64> = sums.as_flattened().to_vec();
        let mut deviations: Vec<f64> = squares.as_flattened().iter().map(|s| s.sqrt()).collect();
        let constant = first.as_flattened();
        for (((mean, deviation), varies), first) in
            means.iter_mut().zip(&mut deviations).zip(&varies).zip(constant)
        {
            if !varies || !deviation.is_finite() || !mean.is_finite() {
                (*mean, *deviation) = (*first, 0.0);
            }
        }
        let factors: Vec<f64> =
            deviations.iter().map(|d| if *d > 0.0 { 1.0 / d } else { 0.0 }).collect();
        let (centre, factors) = (padded(&means), padded(&factors));
        for row in values.chunks_exact_mut(blocks.max(1)) {
            for ((x, mean), factor) in row.iter_mut().zip(&centre).zip(&factors) {
                for ((x, mean), factor) in x.iter_mut().zip(mean).zip(factor) {
                    *x = (*x - mean) * factor;
                }
            }
            if let (true, Some(x)) = (intercept, row.as_flattened_mut().first_mut()) {
                *x = 1.0;
            }
        }
        let own = |all: Vec<f64>| all.into_iter().skip(lead).take(width).collect();
        let (means, deviations) = (own(means), own(deviations));
        Self { values, blocks, means, deviations }
    }

    /// A row.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> &[Block] {
        self.values.get(i * self.blocks..(i + 1) * self.blocks).unwrap_or_default()
    }

    /// A number of the standardised feature `i` in units of the feature itself.
    pub(crate) fn per_unit(&self, i: usize, value: f64) -> f64 {
        match self.deviations.get(i) {
            Some(&deviation) if deviation > 0.0 => value / deviation,
            _ => 0.0,
        }
    }
}
