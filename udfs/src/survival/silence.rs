//! After how long a silence a customer counts as gone.
//!
//! A gap is the time between two purchases, or, censored, from the last one until now. Calling
//! everybody gone who is silent for more than `d` days makes two errors: of the gaps that ended, the
//! share longer than `d` were called gone and came back (type I); of those that are open, the share
//! not longer than `d` are not called gone (type II). The first falls and the second rises with `d`;
//! the D-curve (Indeed 2020) takes the `d` with the least weighted sum of both. A percentile is the
//! `d` by which a share `p` of gaps has ended, open gaps taken as not ended yet (Kaplan–Meier):
//! leaving them out would call customers gone too soon.

use super::km::{Meaning, Steps, kaplan_meier};
use super::observed;

/// Whole days, and the two errors of calling everybody gone who is silent for longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Errors {
    pub days: f64,
    /// `None` if no gap ended
    pub type1: Option<f64>,
    /// `None` if no gap is open
    pub type2: Option<f64>,
}

/// Gaps in days (`observed.rs`: an event ends a gap), rounded up to whole days.
pub(crate) fn whole_days(gap: f64) -> f64 {
    gap.abs().ceil().copysign(gap)
}

/// The errors of every number of whole days that is the length of a gap.
pub(crate) fn curve(gaps: &[f64]) -> Vec<Errors> {
    let mut keys: Vec<u64> = gaps.iter().map(|&g| observed::key(g)).collect();
    keys.sort_unstable();
    let ended = keys.iter().filter(|k| observed::is_event(**k)).count() as f64;
    let open = keys.len() as f64 - ended;
    let share = |n: f64, of: f64| (of > 0.0).then(|| n / of);
    let (mut past, mut silent) = (0.0, 0.0);
    keys.chunk_by(|a, b| a & !1 == b & !1)
        .map(|equal| {
            let here = equal.iter().filter(|k| observed::is_event(**k)).count() as f64;
            past += here;
            silent += equal.len() as f64 - here;
            let days = equal.first().map_or(0.0, |&k| observed::duration(k & !1));
            Errors { days, type1: share(ended - past, ended), type2: share(silent, open) }
        })
        .collect()
}

/// The fewest days with the least error, type I counting `alpha` and type II the rest.
pub(crate) fn least_error(curve: &[Errors], alpha: f64) -> Option<f64> {
    let error = |e: &Errors| Some(alpha * e.type1? + (1.0 - alpha) * e.type2?);
    let mut best: Option<(f64, f64)> = None;
    for errors in curve {
        let sum = error(errors)?;
        // rounding alone does not make more days better
        if best.is_none_or(|(least, _)| sum < least - 1e-12) {
            best = Some((sum, errors.days));
        }
    }
    best.map(|(_, days)| days)
}

/// The days by which a share `p` of the gaps has ended.
pub(crate) fn percentile(gaps: &[f64], p: f64) -> Option<f64> {
    let curve = kaplan_meier(gaps, None);
    let (times, heights) = (&curve.times, &curve.survival);
    Steps { times, heights, meaning: Meaning::Survival }.quantile(p)
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
    fn errors_are_what_their_definitions_say() {
        let mut state = 11_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..20_000 {
            let longest = 2 + random(30);
            let gaps: Vec<(f64, bool)> = (0..1 + random(40))
                .map(|_| ((random(longest * 4) as f64 / 4.0).ceil(), random(4) > 0))
                .collect();
            let signed: Vec<f64> = gaps.iter().map(|g| observed::signed(g.0, g.1)).collect();
            let errors = curve(&signed);
            let share = |ended: bool, of: &dyn Fn(f64) -> bool| {
                let all: Vec<f64> = gaps.iter().filter(|g| g.1 == ended).map(|g| g.0).collect();
                let some = all.iter().filter(|g| of(**g)).count() as f64;
                (!all.is_empty()).then(|| some / all.len() as f64)
            };
            for e in &errors {
                assert_eq!(e.type1, share(true, &|g| g > e.days));
                assert_eq!(e.type2, share(false, &|g| g <= e.days));
            }
            assert!(
                errors.windows(2).all(|w| w[0].type1 >= w[1].type1 && w[0].type2 <= w[1].type2)
            );
            let alpha = random(5) as f64 / 4.0;
            let sum = |e: &Errors| Some(alpha * e.type1? + (1.0 - alpha) * e.type2?);
            let least = errors.iter().filter_map(sum).fold(f64::INFINITY, f64::min);
            let want = errors.iter().find(|e| sum(e).is_some_and(|s| s <= least + 1e-12));
            assert_eq!(least_error(&errors, alpha), want.map(|e| e.days));
            let every: Vec<f64> = gaps.iter().map(|g| observed::signed(g.0, true)).collect();
            let mut sorted: Vec<f64> = gaps.iter().map(|g| g.0).collect();
            sorted.sort_by(f64::total_cmp);
            // without open gaps, the plain percentile
            let p = 0.8;
            let rank = (p * sorted.len() as f64 - 1e-9).ceil() as usize;
            assert_eq!(percentile(&every, p), Some(sorted[rank - 1]));
            // open gaps never make it shorter
            if let Some(days) = percentile(&signed, p) {
                assert!(days >= percentile(&every, p).unwrap());
            }
        }
    }

    #[test]
    fn part_of_a_day_is_a_day() {
        assert_eq!([0.0, 0.25, 1.0, 1.5].map(whole_days), [0.0, 1.0, 1.0, 2.0]);
        assert_eq!(whole_days(-1.5), -2.0);
        assert!(whole_days(-0.0).is_sign_negative());
    }
}
