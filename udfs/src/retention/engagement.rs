//! The seven states of engagement: what a customer's day means, seen from the last active day before.
//!
//! An active day is `new` if it is the first, `current` if the last active day lies at most `wau` days
//! back, `reactivated` if at most `mau`, and else `resurrected`. An inactive day is `at_risk_wau`,
//! `at_risk_mau` or `dormant` by the same limits, and nothing before the first active day. A day is
//! active if one of its rows is. Days without rows have no answer, but they count.

/// What a customer is on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engagement {
    New,
    Current,
    Reactivated,
    Resurrected,
    AtRiskWau,
    AtRiskMau,
    Dormant,
}

impl Engagement {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Current => "current",
            Self::Reactivated => "reactivated",
            Self::Resurrected => "resurrected",
            Self::AtRiskWau => "at_risk_wau",
            Self::AtRiskMau => "at_risk_mau",
            Self::Dormant => "dormant",
        }
    }
}

/// Days that count as a week and as a month.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub wau: u64,
    pub mau: u64,
}

impl Limits {
    const fn state(self, active: bool, silence: Option<u64>) -> Option<Engagement> {
        Some(match (active, silence) {
            (true, None) => Engagement::New,
            (false, None) => return None,
            (true, Some(days)) if days <= self.wau => Engagement::Current,
            (true, Some(days)) if days <= self.mau => Engagement::Reactivated,
            (true, Some(_)) => Engagement::Resurrected,
            (false, Some(days)) if days <= self.wau => Engagement::AtRiskWau,
            (false, Some(days)) if days <= self.mau => Engagement::AtRiskMau,
            (false, Some(_)) => Engagement::Dormant,
        })
    }
}

/// A row comes after one of a later day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfOrder;

/// The state of each row, a day (if known) and whether it was active; rows in the order of days.
pub(super) fn states(
    rows: &[(Option<i64>, bool)],
    limits: Limits,
) -> Result<Vec<Option<Engagement>>, OutOfOrder> {
    let mut out = Vec::with_capacity(rows.len());
    let (mut last_active, mut last) = (None, None);
    for rows in rows.chunk_by(|a, b| a.0 == b.0) {
        let state = match rows.first().and_then(|r| r.0) {
            None => None,
            day if day < last => return Err(OutOfOrder),
            Some(day) => {
                last = Some(day);
                let active = rows.iter().any(|r| r.1);
                let silence = last_active.map(|last| day.abs_diff(last));
                if active {
                    last_active = Some(day);
                }
                limits.state(active, silence)
            }
        };
        out.resize(out.len() + rows.len(), state);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { wau: 7, mau: 30 };

    #[test]
    fn a_life_goes_through_all_seven() {
        let active = [3, 10, 18, 48, 79];
        let rows: Vec<_> = (0..120).map(|d| (Some(d), active.contains(&d))).collect();
        let got = states(&rows, LIMITS).unwrap();
        let at = |d: usize| got[d].map(Engagement::name);
        assert_eq!([0, 2].map(at), [None; 2]);
        let on = active.map(|d| at(usize::try_from(d).unwrap()).unwrap());
        assert_eq!(on, ["new", "current", "reactivated", "reactivated", "resurrected"]);
        let off = [4, 9, 17, 25, 26, 47, 78, 86, 87, 109, 110].map(|d| at(d).unwrap());
        let (wau, mau) = ("at_risk_wau", "at_risk_mau");
        assert_eq!(off, [wau, wau, wau, wau, mau, mau, mau, wau, mau, mau, "dormant"]);
    }

    #[test]
    fn days_count_whether_or_not_they_have_rows() {
        let mut state = 3u64;
        let mut draw = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((state >> 33) % n).unwrap()
        };
        for _ in 0..20_000 {
            let limits = Limits { wau: 2, mau: 5 };
            let rows: Vec<(i64, bool)> = (0..draw(10)).map(|_| (draw(16), draw(3) == 0)).collect();
            // the state of any day, from the definition
            let naive = |day: i64| {
                let active = rows.contains(&(day, true));
                let before = rows.iter().filter(|r| r.1 && r.0 < day).map(|r| r.0).max();
                let within = |n| before.is_some_and(|b| day - b <= n);
                Some(match (active, before) {
                    (true, None) => "new",
                    (false, None) => return None,
                    _ => match (active, within(2), within(5)) {
                        (true, true, _) => "current",
                        (true, _, true) => "reactivated",
                        (true, ..) => "resurrected",
                        (false, true, _) => "at_risk_wau",
                        (false, _, true) => "at_risk_mau",
                        (false, ..) => "dormant",
                    },
                })
            };
            let mut sorted = rows.clone();
            sorted.sort_by_key(|r| r.0);
            let mut given: Vec<_> = sorted.iter().map(|r| (Some(r.0), r.1)).collect();
            given.extend([(None, true); 2]);
            if draw(2) == 0 {
                given.rotate_right(2);
            }
            let got = states(&given, limits).unwrap();
            for (row, got) in given.iter().zip(got) {
                assert_eq!(got.map(Engagement::name), row.0.and_then(naive), "{given:?}");
            }
        }
    }

    #[test]
    fn days_that_go_back_are_told() {
        assert_eq!(states(&[(Some(5), true), (Some(4), true)], LIMITS), Err(OutOfOrder));
        assert_eq!(
            states(&[(Some(5), true), (None, true), (Some(4), true)], LIMITS),
            Err(OutOfOrder)
        );
    }
}
