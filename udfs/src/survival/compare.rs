//! Whether groups differ in how long they stay: the log-rank test and its weighted relatives.
//!
//! At each time with events, a group is expected to have its share, by number at risk, of them; the
//! statistic is the quadratic form of the weighted differences in the inverse of their covariance
//! (hypergeometric), and has a χ² distribution where nothing differs. O(n log n + t g²) for n rows,
//! t times of events and g groups.

use super::observed;
use crate::fitting::linear::Factors;

/// How much the events of a time count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Weighting {
    /// 1: as good as can be where one hazard is a multiple of the other
    LogRank,
    /// n, those at risk (Gehan 1965, Breslow 1970): early times count more
    Wilcoxon,
    /// √n (Tarone & Ware 1977)
    TaroneWare,
    /// the survival of all, Π (1 − d/(n + 1)) (Peto & Peto 1972)
    Peto,
    /// S^p (1 − S)^q of the survival S of all just before (Fleming & Harrington 1981)
    FlemingHarrington(f64, f64),
}

/// The answer of a test.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    /// `None` if nothing can be compared
    pub chi2: Option<f64>,
    pub df: usize,
    pub p: Option<f64>,
    /// rows, events, and events expected of each group
    pub groups: Vec<[f64; 3]>,
}

/// What is left of a variance that the other groups make up.
const COLLINEAR: f64 = 1e-10;

/// Compares `groups` groups; a row is the number of its group and an observation (`observed.rs`).
pub(crate) fn compare(rows: &[(usize, f64)], groups: usize, weighting: Weighting) -> Comparison {
    let mut sorted: Vec<(u64, usize)> =
        rows.iter().map(|&(group, o)| (observed::key(o), group)).collect();
    sorted.sort_unstable();
    let mut at_risk = vec![0.0; groups];
    let mut answer = vec![[0.0; 3]; groups];
    let add = |to: &mut [f64], group: usize, by: f64| {
        if let Some(to) = to.get_mut(group) {
            *to += by;
        }
    };
    for &(key, group) in &sorted {
        add(&mut at_risk, group, 1.0);
        if let Some([n, events, _]) = answer.get_mut(group) {
            *n += 1.0;
            *events += f64::from(u8::from(observed::is_event(key)));
        }
    }
    let mut left = at_risk.iter().sum::<f64>();
    let mut difference = vec![0.0; groups];
    let mut covariance = vec![0.0; groups * groups];
    let (mut survival, mut peto) = (1.0, 1.0);
    let mut events = vec![0.0; groups];
    for tied in sorted.chunk_by(|a, b| a.0 & !1 == b.0 & !1) {
        events.fill(0.0);
        for &(_, group) in tied.iter().filter(|r| observed::is_event(r.0)) {
            add(&mut events, group, 1.0);
        }
        let d: f64 = events.iter().sum();
        if d > 0.0 {
            peto *= 1.0 - d / (left + 1.0);
            let weight = match weighting {
                Weighting::LogRank => 1.0,
                Weighting::Wilcoxon => left,
                Weighting::TaroneWare => left.sqrt(),
                Weighting::Peto => peto,
                Weighting::FlemingHarrington(p, q) => {
                    f64::powf(survival, p) * f64::powf(1.0 - survival, q)
                }
            };
            survival *= (left - d) / left;
            for (((of, n), d_here), z) in
                answer.iter_mut().zip(&at_risk).zip(&events).zip(&mut difference)
            {
                let expected = d * n / left;
                let [_, _, sum] = of;
                *sum += expected;
                *z += weight * (d_here - expected);
            }
            if left > 1.0 {
                let variance = weight * weight * d * (left - d) / (left - 1.0) / (left * left);
                let rows = covariance.chunks_exact_mut(groups.max(1));
                for ((i, row), n) in rows.enumerate().zip(&at_risk) {
                    for (to, m) in row.iter_mut().zip(&at_risk) {
                        *to -= variance * n * m;
                    }
                    if let Some(own) = row.get_mut(i) {
                        *own += variance * n * left;
                    }
                }
            }
        }
        for &(_, group) in tied {
            add(&mut at_risk, group, -1.0);
            left -= 1.0;
        }
    }
    let scale: Vec<f64> = covariance.iter().step_by(groups + 1).copied().collect();
    let factors = Factors::of(&covariance, &scale, COLLINEAR);
    let df = factors.counts().filter(|c| *c).count();
    let solved = factors.solve(&difference);
    let chi2 = (df > 0).then(|| solved.iter().zip(&difference).map(|(a, b)| a * b).sum::<f64>());
    let chi2 = chi2.map(|c| c.max(0.0));
    Comparison { chi2, df, p: chi2.map(|c| chi_square_tail(c, df)), groups: answer }
}

/// How likely a χ² value with `df` degrees of freedom is at least `x`: the finite sums that the
/// incomplete gamma function is for whole and half numbers, relative error below 1e-11.
pub(crate) fn chi_square_tail(x: f64, df: usize) -> f64 {
    if x <= 0.0 || df == 0 {
        return 1.0;
    }
    let y = x / 2.0;
    let odd = df % 2 == 1;
    // the logarithm of y^k e^-y / Γ(k + 1), for k = 0, 1, … or 1/2, 3/2, …
    let mut k = if odd { 0.5 } else { 0.0 };
    let mut term = if odd { 0.5 * (4.0 * y / std::f64::consts::PI).ln() - y } else { -y };
    let mut sum = if odd { crate::rhythm::erfc(y.sqrt()) } else { 0.0 };
    for _ in 0..df / 2 {
        sum += term.exp();
        k += 1.0;
        term += (y / k).ln();
    }
    sum.min(1.0)
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test data"
)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        for (x, df, want) in [
            (3.841_458_820_694_124, 1, 0.05),
            (5.991_464_547_107_979, 2, 0.05),
            (18.307_038_053_275_147, 10, 0.05),
            (24.995_790_139_728_616, 15, 0.05),
            (122.249_126, 1, 2.035_982_8e-28),
            (1.0, 3, 0.801_251_956_901_200_8),
            (2_000.0, 2_000, 0.495_795_2),
            (0.0, 4, 1.0),
        ] {
            let got = chi_square_tail(x, df);
            assert!((got - want).abs() <= 1e-6 * want, "{x} {df}: {got}");
        }
    }

    /// χ² of the first groups but the last, by Gauss's method, with everything counted anew.
    fn naive(rows: &[(usize, f64, bool)], groups: usize, weighting: Weighting) -> Option<f64> {
        let mut times: Vec<f64> = rows.iter().filter(|r| r.2).map(|r| r.1).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let k = groups - 1;
        let (mut z, mut v) = (vec![0.0; k], vec![vec![0.0; k]; k]);
        let (mut s, mut peto) = (1.0, 1.0);
        for t in times {
            let count = |g: Option<usize>, dead: bool| {
                rows.iter()
                    .filter(|r| g.is_none_or(|g| r.0 == g))
                    .filter(|r| if dead { r.1 == t && r.2 } else { r.1 >= t })
                    .count() as f64
            };
            let (n, d) = (count(None, false), count(None, true));
            peto *= 1.0 - d / (n + 1.0);
            let w = match weighting {
                Weighting::LogRank => 1.0,
                Weighting::Wilcoxon => n,
                Weighting::TaroneWare => n.sqrt(),
                Weighting::Peto => peto,
                Weighting::FlemingHarrington(p, q) => f64::powf(s, p) * f64::powf(1.0 - s, q),
            };
            s *= 1.0 - d / n;
            for i in 0..k {
                let ni = count(Some(i), false);
                z[i] += w * (count(Some(i), true) - d * ni / n);
                for (j, vij) in v[i].iter_mut().enumerate() {
                    let same = if i == j { 1.0 } else { 0.0 };
                    if n > 1.0 {
                        *vij += w * w * d * (n - d) / (n - 1.0) * ni / n
                            * (same - count(Some(j), false) / n);
                    }
                }
            }
        }
        // [v | z], rows with no pivot mean that it cannot be told
        let mut x = z.clone();
        for i in 0..k {
            let pivot = (i..k).max_by(|&a, &b| v[a][i].abs().total_cmp(&v[b][i].abs()))?;
            v.swap(i, pivot);
            x.swap(i, pivot);
            if v[i][i].abs() < 1e-9 {
                return None;
            }
            for r in i + 1..k {
                let f = v[r][i] / v[i][i];
                let of_pivot = v[i].clone();
                for (a, b) in v[r].iter_mut().zip(&of_pivot).skip(i) {
                    *a -= f * b;
                }
                x[r] -= f * x[i];
            }
        }
        for i in (0..k).rev() {
            let known: f64 = (i + 1..k).map(|c| v[i][c] * x[c]).sum();
            x[i] = (x[i] - known) / v[i][i];
        }
        Some(x.iter().zip(&z).map(|(a, b)| a * b).sum())
    }

    #[test]
    fn it_is_what_its_definition_says() {
        let mut state = 3_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut told = 0;
        for round in 0..20_000 {
            let groups = 2 + random(3) as usize;
            let n = 4 + random(14);
            let longest = 2 + random(12);
            let mut rows: Vec<(usize, f64, bool)> = (0..n)
                .map(|_| (random(groups as u64) as usize, random(longest) as f64, random(3) > 0))
                .collect();
            let weighting = [
                Weighting::LogRank,
                Weighting::Wilcoxon,
                Weighting::TaroneWare,
                Weighting::Peto,
                Weighting::FlemingHarrington(1.0, 0.5),
            ][round % 5];
            let of = |rows: &[(usize, f64, bool)]| {
                let rows: Vec<(usize, f64)> =
                    rows.iter().map(|r| (r.0, observed::signed(r.1, r.2))).collect();
                compare(&rows, groups, weighting)
            };
            let got = of(&rows);
            for g in 0..groups {
                let events = rows.iter().filter(|r| r.0 == g && r.2).count() as f64;
                assert_eq!(got.groups[g][1], events);
            }
            // as many are expected as there are
            let sums = [1, 2].map(|i| got.groups.iter().map(|g| g[i]).sum::<f64>());
            assert!((sums[0] - sums[1]).abs() < 1e-9);
            if let Some(want) = naive(&rows, groups, weighting) {
                let chi2 = got.chi2.expect("a statistic");
                assert!((chi2 - want).abs() <= 1e-7 * want.max(1.0), "{chi2} {want} {rows:?}");
                assert_eq!(got.df, groups - 1);
                told += 1;
            }
            rows.reverse();
            assert_eq!(of(&rows), got);
        }
        assert!(told > 10_000, "{told}");
    }
}
