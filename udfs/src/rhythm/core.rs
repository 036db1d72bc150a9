//! The rhythm of one customer, and whether activity rises or falls.

/// The gaps between the days of one customer, in days.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Cadence {
    pub gaps: usize,
    pub median: Option<f64>,
    /// the median of the distances from the median
    pub mad: Option<f64>,
    pub p90: Option<f64>,
    pub last: Option<f64>,
    /// sample standard deviation over mean
    pub cv: Option<f64>,
    /// `k` of Wheat and Morrison (1990): 1 for gaps as random as can be, more for regular ones
    pub regularity: Option<f64>,
}

/// The cadence of days that rise; `work` is memory to use.
pub(super) fn cadence(days: &[i64], work: &mut Vec<f64>) -> Cadence {
    let gap = |w: &[i64]| match *w {
        [a, b] => b.abs_diff(a) as f64,
        _ => 0.0,
    };
    let gaps = || days.windows(2).map(gap);
    work.clear();
    work.extend(gaps());
    let n = work.len();
    let mean = work.iter().sum::<f64>() / n as f64;
    let squares: f64 = work.iter().map(|g| (g - mean) * (g - mean)).sum();
    // an earlier gap's share of two consecutive ones: Beta(k, k) about a half, if gaps are gamma(k)
    let shares = work.windows(2).map(|w| match *w {
        [a, b] => a / (a + b) - 0.5,
        _ => 0.0,
    });
    let pairs = n.saturating_sub(1) as f64;
    let variance = shares.map(|m| m * m).sum::<f64>() / pairs;
    let known = |ok: bool, value: f64| ok.then_some(value);
    work.sort_unstable_by(f64::total_cmp);
    let (median, p90) = (quantile(work, 0.5), quantile(work, 0.9));
    let mad = median.and_then(|median| {
        work.iter_mut().for_each(|g| *g = (*g - median).abs());
        work.sort_unstable_by(f64::total_cmp);
        quantile(work, 0.5)
    });
    Cadence {
        gaps: n,
        median,
        mad,
        p90,
        last: gaps().next_back(),
        cv: known(n > 1, (squares / pairs).sqrt() / mean),
        regularity: known(n > 1 && variance > 0.0, (1.0 - 4.0 * variance) / (8.0 * variance)),
    }
}

/// The quantile of numbers that rise: between two of them in proportion (type 7).
fn quantile(rising: &[f64], share: f64) -> Option<f64> {
    let place = rising.len().checked_sub(1)? as f64 * share;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in the slice"
    )]
    let below = place as usize;
    let low = *rising.get(below)?;
    let high = rising.get(below + 1).copied().unwrap_or(low);
    Some(low + (high - low) * (place - below as f64))
}

/// Whether numbers in equal steps rise or fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trend {
    /// the median of the slopes between any two (Theil and Sen)
    pub slope: f64,
    /// rises less falls between any two (Mann and Kendall)
    pub rises: i64,
    /// two-sided, by the normal approximation, with continuity and ties corrected
    pub p_value: f64,
}

/// The trend of at least three numbers; `slopes` is memory to use, 8 bytes a pair.
pub(super) fn trend(values: &[f64], slopes: &mut Vec<f64>) -> Option<Trend> {
    if values.len() < 3 {
        return None;
    }
    slopes.clear();
    let mut rises = 0i64;
    let mut rest = values;
    while let Some((a, later)) = rest.split_first() {
        rest = later;
        for (steps, b) in (1u32..).zip(later) {
            rises += i64::from(b > a) - i64::from(b < a);
            slopes.push((b - a) / f64::from(steps));
        }
    }
    let slope = median(slopes)?;
    slopes.clear();
    slopes.extend(values);
    slopes.sort_unstable_by(f64::total_cmp);
    let spread = |n: usize| (n as f64) * (n as f64 - 1.0) * (2.0 * n as f64 + 5.0);
    let ties: f64 = slopes.chunk_by(|a, b| a == b).map(|t| spread(t.len())).sum();
    let variance = (spread(values.len()) - ties) / 18.0;
    // all equal: nothing rises or falls
    let p_value = if rises == 0 || variance <= 0.0 {
        1.0
    } else {
        let z = (rises.unsigned_abs() as f64 - 1.0) / variance.sqrt();
        erfc(z / std::f64::consts::SQRT_2)
    };
    Some(Trend { slope, rises, p_value })
}

/// The median, in linear time.
fn median(values: &mut [f64]) -> Option<f64> {
    let half = values.len() / 2;
    if half >= values.len() {
        return None;
    }
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if !even {
        return Some(upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    Some(lower + (upper - lower) / 2.0)
}

/// The complementary error function of a number that is not negative.
pub(crate) fn erfc(x: f64) -> f64 {
    let bell = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x < 2.0 {
        // a series of positive terms
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while term > sum * f64::EPSILON / 4.0 {
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
            n += 1.0;
        }
        1.0 - 2.0 * bell * sum
    } else {
        // a continued fraction, from its end
        let fraction = (1..=80u32).rev().fold(x, |f, n| x + f64::from(n) / 2.0 / f);
        bell / fraction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erfc_is_that_of_the_tables() {
        // Abramowitz and Stegun, table 7.1 and beyond (computed to 20 digits)
        for (x, want) in [
            (0.0, 1.0),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_13),
            (1.999, 0.004_698_443_348_629_486_5),
            (2.0, 0.004_677_734_981_047_266),
            (3.0, 2.209_049_699_858_544e-5),
            (5.0, 1.537_459_794_428_035e-12),
            (10.0, 2.088_487_583_762_545e-45),
        ] {
            assert!((erfc(x) / want - 1.0).abs() < 2e-13, "{x}: {}", erfc(x));
        }
        assert_eq!(erfc(40.0), 0.0);
    }

    #[test]
    fn a_cadence_is_what_its_days_say() {
        let got = cadence(&[0, 10, 30, 40, 44], &mut vec![]);
        assert_eq!((got.gaps, got.median, got.last), (4, Some(10.0), Some(4.0)));
        // 4 10 10 20: distances 0 0 6 10; the 2.7th of the gaps
        assert_eq!((got.mad, got.p90), (Some(3.0), Some(17.0)));
        let close = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-12;
        assert!(close(got.cv, (44.0f64).sqrt() / 11.0), "{got:?}");
        // shares 1/3, 2/3, 5/7
        let variance = (2.0 / 36.0 + (3.0f64 / 14.0).powi(2)) / 3.0;
        assert!(close(got.regularity, (1.0 - 4.0 * variance) / (8.0 * variance)), "{got:?}");
    }

    #[test]
    fn too_few_days_have_no_cadence_and_equal_gaps_no_measure_of_it() {
        assert_eq!(cadence(&[], &mut vec![]), Cadence::default());
        assert_eq!(cadence(&[3], &mut vec![]), Cadence::default());
        let one = cadence(&[3, 8], &mut vec![]);
        assert_eq!(
            (one.median, one.mad, one.cv, one.regularity),
            (Some(5.0), Some(0.0), None, None)
        );
        let even = cadence(&[0, 7, 14, 21], &mut vec![]);
        assert_eq!((even.cv, even.regularity), (Some(0.0), None));
    }

    /// Gaps that are drawn from gamma(k) have regularity k.
    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "whole days")]
    fn regularity_finds_the_shape_of_the_gaps() {
        let mut state = 11u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        };
        for k in [1u8, 3] {
            let mut day = 0.0;
            let days: Vec<i64> = (0..40_000)
                .map(|_| {
                    day += (0..k).map(|_| -uniform().ln()).sum::<f64>() * 100_000.0;
                    day as i64
                })
                .collect();
            let got = cadence(&days, &mut vec![]).regularity.unwrap();
            assert!((got / f64::from(k) - 1.0).abs() < 0.05, "{k}: {got}");
        }
    }

    #[test]
    fn few_or_equal_numbers_have_no_trend() {
        assert_eq!(trend(&[1.0, 2.0], &mut vec![]), None);
        let flat = Trend { slope: 0.0, rises: 0, p_value: 1.0 };
        assert_eq!(trend(&[4.0; 5], &mut vec![]), Some(flat));
        let got = trend(&[1.0, 2.0, 4.0], &mut vec![]).unwrap();
        assert_eq!((got.slope, got.rises), (1.5, 3));
    }

    /// The Nile at Aswan, 1871 to 1970; see `testdata/nile.csv`. The slope and p are those of
    /// scipy's `theilslopes` and of `(S − 1) / sqrt(var)` with its ties.
    #[test]
    fn the_nile_falls() {
        let values: Vec<f64> = include_str!("../../testdata/nile.csv")
            .lines()
            .filter_map(|l| l.rsplit(',').next()?.trim().parse().ok())
            .collect();
        assert_eq!(values.len(), 100);
        let got = trend(&values, &mut vec![]).unwrap();
        assert_eq!((got.slope, got.rises), (-2.6, -1387));
        assert!((got.p_value / 3.658_262_921_664_327e-5 - 1.0).abs() < 1e-12);
    }
}
