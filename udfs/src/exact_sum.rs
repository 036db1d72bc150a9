//! Sums of floating-point numbers that do not depend on the order of the terms.
//!
//! The running sum is kept as a list of doubles that do not overlap (Shewchuk, "Adaptive Precision
//! Floating-Point Arithmetic", 1997), so that nothing is ever rounded away; only the final value is
//! rounded, once and to nearest. Any order, any partitioning and any merge give the same bits.
//! Typical sums of money need one or two parts; the worst case is about forty.

/// An exact sum in progress.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExactSum {
    /// non-overlapping, increasing in magnitude
    parts: Vec<f64>,
}

impl ExactSum {
    /// Adds one finite term. NaN and infinities are the caller's to refuse: they poison the sum.
    pub fn add(&mut self, term: f64) {
        let mut x = term;
        let mut kept = 0;
        for i in 0..self.parts.len() {
            let Some(&part) = self.parts.get(i) else { break };
            let (big, small) = if x.abs() < part.abs() { (part, x) } else { (x, part) };
            let hi = big + small;
            let lo = small - (hi - big);
            if lo != 0.0 {
                if let Some(slot) = self.parts.get_mut(kept) {
                    *slot = lo;
                }
                kept += 1;
            }
            x = hi;
        }
        self.parts.truncate(kept);
        if x != 0.0 {
            self.parts.push(x);
        }
    }

    /// Adds everything that another sum holds.
    pub fn merge(&mut self, other: &Self) {
        for &part in &other.parts {
            self.add(part);
        }
    }

    /// The state: [`ExactSum::from_parts`] of it is this sum.
    pub fn parts(&self) -> &[f64] {
        &self.parts
    }

    /// A sum from its state.
    pub fn from_parts(parts: &[f64]) -> Self {
        let mut sum = Self::default();
        for &part in parts {
            sum.add(part);
        }
        sum
    }

    /// The double nearest to the exact sum; 0 for no terms.
    pub fn value(&self) -> f64 {
        let mut rest = self.parts.iter().rev().copied();
        let Some(mut hi) = rest.next() else { return 0.0 };
        let mut lo = 0.0;
        for part in rest.by_ref() {
            let x = hi;
            hi = x + part;
            lo = part - (hi - x);
            if lo != 0.0 {
                break;
            }
        }
        // exactly half-way: the next part decides the direction
        if let Some(next) = rest.next()
            && ((lo < 0.0 && next < 0.0) || (lo > 0.0 && next > 0.0))
        {
            let y = lo * 2.0;
            let x = hi + y;
            if y == x - hi {
                hi = x;
            }
        }
        hi
    }

    /// Bytes on the heap.
    pub fn heap_size(&self) -> usize {
        self.parts.capacity() * size_of::<f64>()
    }
}

impl FromIterator<f64> for ExactSum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::default();
        for term in terms {
            sum.add(term);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_rounded_away() {
        assert_eq!([1e100, 1.0, -1e100].into_iter().collect::<ExactSum>().value(), 1.0);
        assert_eq!([0.1; 10].into_iter().collect::<ExactSum>().value(), 1.0);
        assert_eq!(ExactSum::default().value(), 0.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16_384))]
        #[test]
        fn order_and_merge_do_not_matter(
            (terms, shuffled) in proptest::collection::vec(-1e12f64..1e12, 0..60)
                .prop_flat_map(|t| (Just(t.clone()), Just(t).prop_shuffle())),
            cut in 0usize..60,
        ) {
            let one: ExactSum = terms.iter().copied().collect();
            let (a, b) = shuffled.split_at(cut.min(shuffled.len()));
            let mut merged = ExactSum::from_parts(a.iter().copied().collect::<ExactSum>().parts());
            merged.merge(&b.iter().copied().collect());
            prop_assert_eq!(one.value().to_bits(), merged.value().to_bits());
        }
    }
}
