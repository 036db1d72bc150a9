//! Periods told by a calendar of dates, one after the other.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

/// What a period is, and what it follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub name: &'static str,
    /// 0 for Monday
    pub week_start: u32,
    /// 1 for January
    pub fiscal_year_start: u32,
}

pub(super) const UNITS: [&str; 8] =
    ["hour", "day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year"];

pub(super) const WEEKDAYS: [&str; 3] = ["monday", "saturday", "sunday"];

impl Unit {
    /// When the period began that a time lies in.
    pub(super) fn start(self, time: NaiveDateTime) -> NaiveDateTime {
        let date = time.date();
        let month = |back: u32| {
            let first = NaiveDate::from_ymd_opt(date.year(), date.month(), 1).unwrap();
            first - Months::new(back)
        };
        let date = match self.name {
            "hour" => return date.and_hms_opt(time.hour(), 0, 0).unwrap(),
            "day" => date,
            "week" => {
                let since = date.weekday().num_days_from_monday() + 7 - self.week_start;
                date - Days::new(u64::from(since % 7))
            }
            "month" => month(0),
            "quarter" => month(date.month0() % 3),
            "year" => month(date.month0()),
            "fiscal_quarter" => month((date.month() + 12 - self.fiscal_year_start) % 3),
            "fiscal_year" => month((date.month() + 12 - self.fiscal_year_start) % 12),
            other => panic!("{other}"),
        };
        date.and_hms_opt(0, 0, 0).unwrap()
    }

    /// When the next period begins after one that begins at `start`.
    pub(super) fn next(self, start: NaiveDateTime) -> NaiveDateTime {
        match self.name {
            "hour" => start + TimeDelta::hours(1),
            "day" => start + Days::new(1),
            "week" => start + Days::new(7),
            "month" => start + Months::new(1),
            "quarter" | "fiscal_quarter" => start + Months::new(3),
            _ => start + Months::new(12),
        }
    }

    /// How often a period began after `a` and until `b`, which is not before it.
    pub(super) fn between(self, a: NaiveDateTime, b: NaiveDateTime) -> i64 {
        let (mut period, until, mut n) = (self.start(a), self.start(b), 0);
        while period < until {
            (period, n) = (self.next(period), n + 1);
        }
        n
    }

    /// About how long a period is.
    pub(super) fn length(self) -> TimeDelta {
        match self.name {
            "hour" => TimeDelta::hours(1),
            "day" => TimeDelta::days(1),
            "week" => TimeDelta::days(7),
            "month" => TimeDelta::days(30),
            "quarter" | "fiscal_quarter" => TimeDelta::days(91),
            _ => TimeDelta::days(365),
        }
    }
}
