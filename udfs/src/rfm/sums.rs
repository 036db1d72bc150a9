//! Exact sums of many groups.
//!
//! Two doubles hold the sum of nearly all real money exactly, 24 bytes a group with the count; a group whose sum
//! needs more falls back to an [`ExactSum`] of its own. Rounding happens once, at the end, so both
//! ways give the same bits in any order.

use std::collections::HashMap;

use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;

use crate::exact_sum::ExactSum;

/// The sum of a group, as far as two doubles hold it, and the number of its terms: side by side,
/// because a term costs a look at a random place in memory.
#[derive(Debug, Clone, Copy, Default)]
struct Running {
    high: f64,
    low: f64,
    terms: i64,
}

/// Sums of groups 0, 1, 2, …
#[derive(Debug, Clone, Default)]
pub(crate) struct ExactSums {
    /// the sum of a group is exactly that of its two doubles
    running: Vec<Running>,
    /// … plus that of its entry here
    rest: HashMap<usize, ExactSum>,
    rest_size: usize,
}

impl ExactSums {
    /// Makes groups `0..groups` exist, with sum 0.
    pub(crate) fn grow(&mut self, groups: usize) {
        if self.running.len() < groups {
            self.running.resize(groups, Running::default());
        }
    }

    /// Adds a finite number that stands for so many terms.
    #[inline]
    pub(crate) fn add(&mut self, group: usize, number: f64, terms: i64) {
        let Some(running) = self.running.get_mut(group) else { return };
        running.terms += terms;
        let (high, error) = two_sum(running.high, number);
        let (low, lost) = two_sum(running.low, error);
        // not so if something is lost, or if the sum overflows
        if lost == 0.0 && high.is_finite() {
            (running.high, running.low) = (high, low);
            return;
        }
        let parts = [running.high, running.low, number];
        (running.high, running.low) = (0.0, 0.0);
        self.keep(group, parts);
    }

    #[cold]
    fn keep(&mut self, group: usize, parts: [f64; 3]) {
        let rest = self.rest.entry(group).or_default();
        let before = rest.heap_size();
        for part in parts {
            rest.add(part);
        }
        self.rest_size += rest.heap_size().saturating_sub(before) + size_of::<(usize, ExactSum)>();
    }

    /// How many groups `emit` stands for.
    pub(crate) fn emitted(&self, emit: EmitTo) -> usize {
        match emit {
            EmitTo::All => self.running.len(),
            EmitTo::First(n) => n.min(self.running.len()),
        }
    }

    /// Hands out sum and number of terms of the groups of `emit`; those that are left are numbered
    /// from 0.
    pub(crate) fn drain(
        &mut self,
        emit: EmitTo,
        mut each: impl FnMut(Parts, i64) -> Result<()>,
    ) -> Result<()> {
        let running = emit.take_needed(&mut self.running);
        let mut rest = std::mem::take(&mut self.rest);
        self.rest_size = 0;
        let n = running.len();
        for (g, Running { high, low, terms }) in running.into_iter().enumerate() {
            // nearly always there is none at all
            let kept = if rest.is_empty() { None } else { rest.remove(&g) };
            let parts = match kept {
                None => Parts::Pair(high, low),
                Some(mut sum) => {
                    sum.add(high);
                    sum.add(low);
                    Parts::Many(sum)
                }
            };
            each(parts, terms)?;
        }
        self.rest = rest.into_iter().map(|(g, sum)| (g - n, sum)).collect();
        self.rest_size =
            self.rest.values().map(|s| s.heap_size() + size_of::<(usize, ExactSum)>()).sum();
        Ok(())
    }

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.running.capacity() * size_of::<Running>() + self.rest_size
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
        #![proptest_config(ProptestConfig::with_cases(65_536))]
        #[test]
        fn agree_with_one_exact_sum(
            terms in proptest::collection::vec((0usize..3, any::<i32>(), 0i32..90), 0..40),
            first in 0usize..4,
        ) {
            let value = |m: i32, e: i32| f64::from(m) * 2f64.powi(e * 3);
            let mut sums = ExactSums::default();
            sums.grow(3);
            for &(g, m, e) in &terms {
                sums.add(g, value(m, e), 1);
            }
            let first = first.min(3);
            let mut got = vec![];
            for emit in [EmitTo::First(first), EmitTo::All] {
                sums.drain(emit, |sum, terms| { got.push((sum, terms)); Ok(()) }).unwrap();
            }
            for (g, (sum, n)) in got.iter().enumerate() {
                prop_assert_eq!(usize::try_from(*n).unwrap(), terms.iter().filter(|t| t.0 == g).count());
                let want: ExactSum = terms.iter().filter(|t| t.0 == g).map(|t| value(t.1, t.2)).collect();
                prop_assert_eq!(sum.value().to_bits(), want.value().to_bits());
                let mut parts = vec![];
                sum.write(&mut parts);
                prop_assert_eq!(ExactSum::from_parts(&parts).value().to_bits(), want.value().to_bits());
            }
        }
    }
}
