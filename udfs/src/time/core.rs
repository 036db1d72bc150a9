//! The calendar: which period a time lies in, and when that begins.
//!
//! Times are microseconds of the wall clock, so a day is a day however clocks were set. Every period
//! of a unit has a number, and the numbers of consecutive periods are consecutive: how many periods
//! lie between two times is the difference of their numbers.

use std::ops::Range;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// Days from 0000-03-01 to 1970-01-01, in the calendar of today.
const TO_EPOCH: i64 = 719_468;
/// Days of 400 years.
const CYCLE: i64 = 146_097;

/// What a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Hour,
    Day,
    /// seven days from the first day of the week, 0 for Monday
    Week(i64),
    /// so many months; counted so that one begins with this month, 0 for January
    Months(i64, i64),
}

impl Unit {
    /// The number of the period that `time` lies in.
    pub(super) const fn index(self, time: i64) -> i64 {
        let day = time.div_euclid(DAY);
        match self {
            Self::Hour => time.div_euclid(HOUR),
            Self::Day => day,
            // 1970-01-01 was a Thursday
            Self::Week(first) => (day + 3 - first).div_euclid(7),
            Self::Months(length, first) => (month_of(day) - first).div_euclid(length),
        }
    }

    /// When a period begins; `None` for one that begins before all time.
    pub(super) fn start(self, index: i64) -> Option<i64> {
        let day = match self {
            Self::Hour => return index.checked_mul(HOUR),
            Self::Day => index,
            Self::Week(first) => index * 7 - 3 + first,
            Self::Months(length, first) => first_day_of(index * length + first),
        };
        day.checked_mul(DAY)
    }
}

/// The periods of one time after the other. Those of a log mostly lie in the period of the time
/// before, which costs two comparisons.
pub(super) struct Periods {
    unit: Unit,
    index: i64,
    within: Range<i64>,
}

impl Periods {
    pub(super) fn of(unit: Unit) -> Self {
        Self { unit, index: 0, within: 0..0 }
    }

    /// The number of the period that `time` lies in.
    #[inline]
    pub(super) fn index(&mut self, time: i64) -> i64 {
        if !self.within.contains(&time) {
            self.index = self.unit.index(time);
            // one whose ends no time can tell is looked for again
            let ends = (self.unit.start(self.index), self.unit.start(self.index + 1));
            self.within = if let (Some(from), Some(to)) = ends { from..to } else { 0..0 };
        }
        self.index
    }

    /// When the period of `time` begins; `None` for one that begins before all time.
    #[inline]
    pub(super) fn start(&mut self, time: i64) -> Option<i64> {
        let index = self.index(time);
        if self.within.is_empty() { self.unit.start(index) } else { Some(self.within.start) }
    }
}

/// The number of the month that a day lies in, 0 for January of the year 0. Years are taken to
/// begin in March: then the day that comes every four years is a year's last.
const fn month_of(day: i64) -> i64 {
    let day = day + TO_EPOCH;
    let (cycle, day) = (day.div_euclid(CYCLE), day.rem_euclid(CYCLE));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // 153 days are five months, from March and from August
    (cycle * 400 + year) * 12 + (5 * day + 2) / 153 + 2
}

/// The first day of a month of this number.
const fn first_day_of(month: i64) -> i64 {
    let (year, month) = ((month - 2).div_euclid(12), (month - 2).rem_euclid(12));
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    cycle * CYCLE + 365 * year + year / 4 - year / 100 + (153 * month + 2) / 5 - TO_EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(unit: Unit, time: i64) -> Option<i64> {
        unit.start(unit.index(time))
    }

    #[test]
    fn periods_of_times_in_any_order_are_those_of_each() {
        let units = [Unit::Hour, Unit::Day, Unit::Week(0), Unit::Week(6)];
        let months =
            [(1, 0), (3, 0), (12, 3), (12, 0)].map(|(length, first)| Unit::Months(length, first));
        for unit in units.into_iter().chain(months) {
            let mut periods = Periods::of(unit);
            let mut check = |time: i64| {
                assert_eq!(periods.index(time), unit.index(time), "{unit:?} {time}");
                assert_eq!(periods.start(time), start(unit, time), "{unit:?} {time}");
            };
            let mut time = 1_i64;
            for step in 0..5_000_i64 {
                // now near the time before, now far from it, on either side of 1970
                time =
                    if step % 4 == 0 { time.wrapping_mul(6_364_136_223_846_793_005) } else { time };
                check(time % (80 * 366 * DAY) + step % 3 * HOUR);
                check(unit.start(unit.index(step * DAY)).unwrap() - step % 2);
            }
            for edge in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX, i64::MIN, 0] {
                check(edge);
            }
        }
    }

    /// One day after the other, told by hand.
    #[test]
    fn months_are_those_of_the_calendar() {
        let (mut year, mut month, mut left) = (1599i64, 11i64, 31);
        let mut first = first_day_of(1599 * 12 + 11);
        let start = first;
        for day in start..start + 900 * 366 {
            if left == 0 {
                month += 1;
                (year, month) = (year + month / 12, month % 12);
                let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                left = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
                    [usize::try_from(month).unwrap()];
                first = day;
            }
            left -= 1;
            assert_eq!(
                (month_of(day), first_day_of(year * 12 + month)),
                (year * 12 + month, first)
            );
        }
        assert_eq!(first_day_of(1970 * 12), 0);
    }

    #[test]
    fn weeks_begin_with_their_day_and_fiscal_years_with_their_month() {
        // 2018-03-14 was a Wednesday
        let day = 17_604;
        let begins = |first| start(Unit::Week(first), day * DAY + HOUR).map(|t| t / DAY - day);
        assert_eq!([0, 1, 2, 3, 6].map(begins), [-2, -1, 0, -6, -3].map(Some));
        // months from 2018-03-01
        let begins = |length, first| {
            start(Unit::Months(length, first), day * DAY).map(|t| month_of(t / DAY) - 2018 * 12 - 2)
        };
        assert_eq!(begins(12, 3), Some(-11));
        assert_eq!(begins(12, 2), Some(0));
        assert_eq!([0, 1, 2, 3].map(|f| begins(3, f)), [-2, -1, 0, -2].map(Some));
    }

    #[test]
    fn what_begins_before_all_time_is_nothing() {
        for unit in [Unit::Hour, Unit::Day, Unit::Week(6), Unit::Months(1, 0), Unit::Months(12, 11)]
        {
            assert_eq!(start(unit, i64::MIN), None, "{unit:?}");
            assert!(start(unit, i64::MAX).is_some_and(|t| t > i64::MAX - 367 * DAY), "{unit:?}");
        }
    }
}
