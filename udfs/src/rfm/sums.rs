//! Exact sums of many groups.
//!
//! Two doubles hold the sum of nearly all real money exactly, 16 bytes a group; a group whose sum
//! needs more falls back to an [`ExactSum`] of its own. Rounding happens once, at the end, so both
//! ways give the same bits in any order.

use std::collections::HashMap;

use datafusion::logical_expr::EmitTo;

use crate::exact_sum::ExactSum;

/// Sums of groups 0, 1, 2, …
#[derive(Debug, Clone, Default)]
pub(crate) struct ExactSums {
    /// the sum of a group is exactly that of its pair
    pairs: Vec<(f64, f64)>,
    /// … plus that of its entry here
    rest: HashMap<usize, ExactSum>,
    rest_size: usize,
}

impl ExactSums {
    /// Makes groups `0..groups` exist, with sum 0.
    pub(crate) fn grow(&mut self, groups: usize) {
        if self.pairs.len() < groups {
            self.pairs.resize(groups, (0.0, 0.0));
        }
    }

    /// Adds a finite term.
    #[inline]
    pub(crate) fn add(&mut self, group: usize, term: f64) {
        let Some(pair) = self.pairs.get_mut(group) else { return };
        let (high, error) = two_sum(pair.0, term);
        let (low, lost) = two_sum(pair.1, error);
        // not so if something is lost, or if the sum overflows
        if lost == 0.0 && high.is_finite() {
            *pair = (high, low);
            return;
        }
        let rest = self.rest.entry(group).or_default();
        let before = rest.heap_size();
        for part in [pair.0, pair.1, term] {
            rest.add(part);
        }
        *pair = (0.0, 0.0);
        self.rest_size += rest.heap_size().saturating_sub(before) + size_of::<(usize, ExactSum)>();
    }

    /// Takes the sums of the groups of `emit`; those that are left are numbered from 0.
    pub(crate) fn take(&mut self, emit: EmitTo) -> Vec<Parts> {
        let pairs = emit.take_needed(&mut self.pairs);
        let mut rest = std::mem::take(&mut self.rest);
        self.rest_size = 0;
        let n = pairs.len();
        let out = pairs
            .into_iter()
            .enumerate()
            .map(|(g, (high, low))| match rest.remove(&g) {
                None => Parts::Pair(high, low),
                Some(mut sum) => {
                    sum.add(high);
                    sum.add(low);
                    Parts::Many(sum)
                }
            })
            .collect();
        self.rest = rest.into_iter().map(|(g, sum)| (g - n, sum)).collect();
        self.rest_size =
            self.rest.values().map(|s| s.heap_size() + size_of::<(usize, ExactSum)>()).sum();
        out
    }

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.pairs.capacity() * size_of::<(f64, f64)>() + self.rest_size
    }
}

/// One group's sum.
#[derive(Debug, Clone)]
pub(crate) enum Parts {
    Pair(f64, f64),
    Many(ExactSum),
}

impl Parts {
    /// Rounded once.
    pub(crate) fn value(&self) -> f64 {
        match self {
            Self::Pair(high, low) => high + low,
            Self::Many(sum) => sum.value(),
        }
    }

    /// Appends doubles whose sum is exactly this one.
    pub(crate) fn write(&self, to: &mut Vec<f64>) {
        match self {
            Self::Pair(high, low) if *low == 0.0 => to.push(*high),
            Self::Pair(high, low) => to.extend([*high, *low]),
            Self::Many(sum) => to.extend_from_slice(sum.parts()),
        }
    }
}

/// `a + b` rounded, and what rounding lost (Knuth).
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    let a_part = sum - b_part;
    (sum, (a - a_part) + (b - b_part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agree_with_one_exact_sum(
            terms in proptest::collection::vec((0usize..3, any::<i32>(), 0i32..90), 0..40),
            first in 0usize..4,
        ) {
            let value = |m: i32, e: i32| f64::from(m) * 2f64.powi(e * 3);
            let mut sums = ExactSums::default();
            sums.grow(3);
            for &(g, m, e) in &terms {
                sums.add(g, value(m, e));
            }
            let first = first.min(3);
            let mut got = sums.take(EmitTo::First(first));
            got.extend(sums.take(EmitTo::All));
            for (g, sum) in got.iter().enumerate() {
                let want: ExactSum = terms.iter().filter(|t| t.0 == g).map(|t| value(t.1, t.2)).collect();
                prop_assert_eq!(sum.value().to_bits(), want.value().to_bits());
                let mut parts = vec![];
                sum.write(&mut parts);
                prop_assert_eq!(ExactSum::from_parts(&parts).value().to_bits(), want.value().to_bits());
            }
        }
    }
}
