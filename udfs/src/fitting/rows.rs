//! Rows of numbers in one order, equal ones as one with their number, and features standardised.

use std::cmp::Ordering;

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
    /// row by row
    pub values: Vec<f64>,
    pub means: Vec<f64>,
    /// 0 for a feature that is constant, whose values are then 0
    pub deviations: Vec<f64>,
}

impl Standardised {
    /// `features` rows of `width` numbers, and their weights.
    pub(crate) fn of<'a>(
        features: impl Iterator<Item = (&'a [f64], f64)> + Clone,
        width: usize,
    ) -> Self {
        let total: f64 = features.clone().map(|(_, w)| w).sum();
        let mut low = vec![f64::INFINITY; width];
        let mut high = vec![f64::NEG_INFINITY; width];
        let mut means = vec![0.0; width];
        for (row, w) in features.clone() {
            for (((low, high), mean), x) in low.iter_mut().zip(&mut high).zip(&mut means).zip(row) {
                *low = low.min(*x);
                *high = high.max(*x);
                *mean += w / total * x;
            }
        }
        let mut deviations = vec![0.0; width];
        for (row, w) in features.clone() {
            for ((sum, mean), x) in deviations.iter_mut().zip(&means).zip(row) {
                // a half each, so that no square overflows
                let off = x / 2.0 - mean / 2.0;
                *sum += w / total * off * off;
            }
        }
        for (((mean, deviation), low), high) in
            means.iter_mut().zip(&mut deviations).zip(&low).zip(&high)
        {
            *deviation = 2.0 * deviation.sqrt();
            if low >= high || !deviation.is_finite() || !mean.is_finite() {
                (*mean, *deviation) = (*low, 0.0);
            }
        }
        let values = features.flat_map(|(row, _)| {
            row.iter().zip(&means).zip(&deviations).map(|((x, mean), deviation)| {
                if *deviation > 0.0 { (x - mean) / deviation } else { 0.0 }
            })
        });
        let values = values.collect();
        Self { values, means, deviations }
    }

    /// A number of the standardised feature `i` in units of the feature itself.
    pub(crate) fn per_unit(&self, i: usize, value: f64) -> f64 {
        match self.deviations.get(i) {
            Some(&deviation) if deviation > 0.0 => value / deviation,
            _ => 0.0,
        }
    }
}
