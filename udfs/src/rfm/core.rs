//! Scores from cut points, and cut points from a population.
//!
//! One rule for all: a score is 1 plus the number of cut points that a value beats. More beats in
//! frequency and money (strictly above the cut), less in recency (strictly below). So equal values
//! always score equally, and frozen cut points score exactly like the population they came from.

/// Which end of a component is the better one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Better {
    Less,
    More,
}

/// Recency, frequency and monetary value of a customer, in this order; NaN where NULL.
pub(crate) type Row = [f64; 3];

/// The better end of each component of a [`Row`].
pub(crate) const BETTER: [Better; 3] = [Better::Less, Better::More, Better::More];

/// Scores of recency, frequency and monetary value.
pub(crate) type Scores = [i32; 3];

/// Whether a customer is counted: nothing is NULL.
pub(crate) fn complete(row: &Row) -> bool {
    row.iter().all(|v| v.is_finite())
}

/// 1 plus the number of cut points that `value` beats.
#[inline]
pub(crate) fn score(value: f64, cuts: &[f64], better: Better) -> i32 {
    cuts.iter().fold(1, |score, &cut| {
        score
            + i32::from(match better {
                Better::Less => value < cut,
                Better::More => value > cut,
            })
    })
}

/// Cut points of one component, so that the score is `1 + floor(bins · P(X worse than x))`.
///
/// Score k + 1 needs at least ⌈k·n/bins⌉ worse values, that is, to beat the worst but
/// ⌈k·n/bins⌉ − 1 of them: the quantile of type 1. Reorders `values`, in O(n · bins) without
/// sorting them; none give no cut points.
pub(crate) fn quantile_cuts(values: &mut [f64], bins: usize, better: Better) -> Vec<f64> {
    let n = values.len();
    let places = (1..bins).filter_map(|k| {
        let worse = (k * n).div_ceil(bins);
        match better {
            Better::More => worse.checked_sub(1),
            Better::Less => n.checked_sub(worse),
        }
    });
    let mut places: Vec<usize> = places.filter(|&at| at < n).collect();
    if better == Better::Less {
        places.reverse();
    }
    // from the least place on: what lies before one is not looked at again
    let mut cuts: Vec<f64> = Vec::with_capacity(places.len());
    let mut done = 0;
    for at in places {
        let cut = match (at.checked_sub(done), values.get_mut(done..)) {
            (Some(next), Some(rest)) => *rest.select_nth_unstable_by(next, f64::total_cmp).1,
            // few values: the place of the cut before
            _ => cuts.last().copied().unwrap_or(f64::NAN),
        };
        cuts.push(cut);
        done = at + 1;
    }
    if better == Better::Less {
        cuts.reverse();
    }
    cuts
}

/// Cut points as the R package `rfm` has them: quantiles of type 7 plus 1, and a value that equals
/// one is beyond it (better in frequency and money, worse in recency).
pub(crate) fn rfm_cuts(values: &mut [f64], bins: usize, better: Better) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return vec![] };
    let mut cuts: Vec<f64> = (1..bins)
        .filter_map(|k| {
            let (low, rest) = (last * k / bins, last * k % bins);
            let (&a, &b) = (values.get(low)?, values.get((low + 1).min(last))?);
            let cut = a + (b - a) * (rest as f64 / bins as f64) + 1.0;
            Some(match better {
                Better::Less => cut,
                // to equal it is to beat it
                Better::More => cut.next_down(),
            })
        })
        .collect();
    if better == Better::Less {
        cuts.reverse();
    }
    cuts
}

/// SQL's `ntile(bins)` per component, worst first. Rows of equal value are told apart by the other
/// two components (recency, then frequency, then money, the better the later); rows that are equal
/// in all three share the score of the first of them. Incomplete rows get no scores.
pub(crate) fn ntile_scores(rows: &[Row], bins: usize) -> Vec<Option<Scores>> {
    // from worse to better by ascending sort
    let ascending = |row: &Row| [-row[0] + 0.0, row[1] + 0.0, row[2] + 0.0];
    let mut order: Vec<([f64; 3], usize)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| complete(row))
        .map(|(i, row)| (ascending(row), i))
        .collect();
    let mut out: Vec<Option<Scores>> =
        rows.iter().map(|row| complete(row).then_some([0; 3])).collect();
    let n = order.len();
    for [main, second, third] in [[0usize, 1, 2], [1, 0, 2], [2, 0, 1]] {
        let key =
            |row: &[f64; 3]| [main, second, third].map(|c| row.get(c).copied().unwrap_or(0.0));
        order.sort_unstable_by(|(a, _), (b, _)| {
            let (a, b) = (key(a), key(b));
            a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])).then(a[2].total_cmp(&b[2]))
        });
        let mut at = 0;
        for equal in order.chunk_by(|a, b| a.0 == b.0) {
            let score = ntile(at, n, bins);
            for &(_, i) in equal {
                if let Some(slot) =
                    out.get_mut(i).and_then(Option::as_mut).and_then(|s| s.get_mut(main))
                {
                    *slot = score;
                }
            }
            at += equal.len();
        }
    }
    out
}

/// The bucket, from 1, of row `at` of `n`: the first `n % bins` buckets have one row more.
fn ntile(at: usize, n: usize, bins: usize) -> i32 {
    let (small, large) = (n / bins, n % bins);
    let in_large = large * (small + 1);
    let bucket = if at < in_large {
        at / (small + 1)
    } else {
        large + (at - in_large).checked_div(small).unwrap_or(0)
    };
    i32::try_from(bucket + 1).unwrap_or(i32::MAX)
}

/// Cut points of the three components.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cuts(pub(crate) [Vec<f64>; 3]);

impl Cuts {
    /// From the complete rows of a population, with [`quantile_cuts`] or [`rfm_cuts`].
    pub(crate) fn fit(
        rows: &[Row],
        bins: usize,
        cuts_of: fn(&mut [f64], usize, Better) -> Vec<f64>,
    ) -> Self {
        let mut values = Vec::with_capacity(rows.len());
        Self([0usize, 1, 2].map(|c| {
            values.clear();
            values.extend(rows.iter().filter(|r| complete(r)).filter_map(|r| r.get(c)));
            cuts_of(&mut values, bins, BETTER.get(c).copied().unwrap_or(Better::More))
        }))
    }

    /// The scores of a row, if it is complete.
    pub(crate) fn scores(&self, row: &Row) -> Option<Scores> {
        let [r, f, m] = &self.0;
        scores([r, f, m], row)
    }
}

/// The scores of a row by three lists of cut points, if it is complete.
#[inline]
pub(crate) fn scores(cuts: [&[f64]; 3], row: &Row) -> Option<Scores> {
    let [r, f, m] = cuts;
    complete(row).then(|| {
        [
            score(row[0], r, Better::Less),
            score(row[1], f, Better::More),
            score(row[2], m, Better::More),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16_384))]
        #[test]
        fn quantile_scores_are_the_cumulative_distribution(
            values in proptest::collection::vec(-4i32..8, 1..40),
            bins in 2usize..8,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            for better in [Better::Less, Better::More] {
                let cuts = quantile_cuts(&mut values.clone(), bins, better);
                for &x in &values {
                    let worse = values.iter().filter(|&&v| if better == Better::More { v < x } else { v > x }).count();
                    let want = 1 + i32::try_from(bins * worse / values.len()).unwrap();
                    prop_assert_eq!(score(x, &cuts, better), want, "{} in {:?} by {:?}", x, values, cuts);
                }
            }
        }

        #[test]
        fn ntile_fills_its_buckets_evenly_and_ignores_the_order_of_rows(
            (rows, shuffled) in proptest::collection::vec((0i32..4, 0i32..3, 0i32..3), 0..30)
                .prop_flat_map(|t| (Just(t.clone()), Just(t).prop_shuffle())),
            bins in 2usize..6,
        ) {
            let row = |t: &(i32, i32, i32)| [f64::from(t.0), f64::from(t.1), f64::from(t.2)];
            let of = |rows: &[(i32, i32, i32)]| {
                let input: Vec<Row> = rows.iter().map(row).collect();
                let mut out: Vec<_> = rows.iter().copied().zip(ntile_scores(&input, bins)).collect();
                out.sort_unstable();
                out
            };
            prop_assert_eq!(of(&rows), of(&shuffled));
        }
    }

    #[test]
    fn ntile_is_that_of_sql() {
        let rows: Vec<Row> = (0..7).map(|i| [f64::from(i), f64::from(i), 0.0]).collect();
        let f: Vec<i32> = ntile_scores(&rows, 3).into_iter().flatten().map(|s| s[1]).collect();
        assert_eq!(f, [1, 1, 1, 2, 2, 3, 3]);
        let r: Vec<i32> = ntile_scores(&rows, 3).into_iter().flatten().map(|s| s[0]).collect();
        assert_eq!(r, [3, 3, 2, 2, 1, 1, 1]);
        // fewer rows than buckets
        let few: Vec<i32> =
            ntile_scores(&rows[..2], 5).into_iter().flatten().map(|s| s[1]).collect();
        assert_eq!(few, [1, 2]);
    }

    #[test]
    fn rfm_cuts_are_those_of_r() {
        // quantile(c(1, 2, 3, 4, 10), 1:4 / 5) + 1 = 2.8 3.6 4.4 6.2; 115, 181, 297.4 and 482 of the
        // package's own example come out of its data in the same way
        let mut x = [10.0, 1.0, 4.0, 2.0, 3.0];
        let more = rfm_cuts(&mut x, 5, Better::More);
        let less = rfm_cuts(&mut x, 5, Better::Less);
        assert_eq!(less, [6.2, 4.4, 3.6, 2.8]);
        assert_eq!(
            [1.0, 2.8, 3.6, 4.4, 6.2].map(|v| score(v, &more, Better::More)),
            [1, 2, 3, 4, 5]
        );
        assert_eq!(
            [1.0, 2.8, 3.6, 4.4, 6.2].map(|v| score(v, &less, Better::Less)),
            [5, 4, 3, 2, 1]
        );
    }

    #[test]
    fn nobody_and_everybody_alike_do_not_break() {
        assert_eq!(quantile_cuts(&mut [], 5, Better::More), [] as [f64; 0]);
        let rows = [[1.0, 1.0, 1.0]; 3];
        let cuts = Cuts::fit(&rows, 5, quantile_cuts);
        assert_eq!(cuts.scores(&rows[0]), Some([1, 1, 1]));
        assert_eq!(cuts.scores(&[0.5, 2.0, f64::NAN]), None);
        assert_eq!(ntile_scores(&rows, 5), [Some([1, 1, 1]); 3]);
    }
}
