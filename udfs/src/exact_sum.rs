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

    /// Adds a whole number of at most 38 digits, such as the digits of a DECIMAL.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "what rounding leaves is the next part"
    )]
    pub fn add_whole(&mut self, number: i128) {
        let mut rest = number;
        while rest != 0 {
            let part = rest as f64;
            self.add(part);
            rest = rest.saturating_sub(part as i128);
        }
    }

    /// The sum of whole numbers, without any rounding; `None`: it has more than 38 digits.
    #[expect(clippy::cast_possible_truncation, reason = "parts of whole numbers are whole")]
    pub fn whole(&self) -> Option<i128> {
        /// of 38 nines
        const MOST: i128 = 10_i128.pow(38) - 1;
        let mut sum = 0_i128;
        for part in self.parts.iter().rev() {
            if part.abs() > 1.1e38 {
                return None;
            }
            sum = sum.checked_add(*part as i128)?;
        }
        (-MOST..=MOST).contains(&sum).then_some(sum)
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

    #[test]
    fn whole_numbers_keep_every_digit() {
        let most = 10_i128.pow(38) - 1;
        for terms in [
            vec![],
            vec![most],
            vec![-most, 1],
            vec![857_796, 1, -2],
            vec![9_007_199_254_740_993, 9_007_199_254_740_993, 1],
            vec![most - 7, 3, 4, -most, most],
        ] {
            let mut sum = ExactSum::default();
            terms.iter().for_each(|term| sum.add_whole(*term));
            assert_eq!(sum.whole(), Some(terms.iter().sum()), "{terms:?}");
            assert_eq!(ExactSum::from_parts(sum.parts()).whole(), sum.whole());
        }
        for over in [vec![most, 1], vec![most; 10], vec![-most, -1]] {
            let mut sum = ExactSum::default();
            over.iter().for_each(|term| sum.add_whole(*term));
            assert_eq!(sum.whole(), None, "{over:?}");
        }
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
