//! Time by the season: a day counts as much as people buy on it.
//!
//! Purchases that come at a rate of λ s(t), where s is the season and λ the customer's own rate, come
//! at a steady rate in the time Λ(t) = ∫ s: operational time, the clock of a point process that is not
//! homogeneous. Here s is a number for each month, scaled so that a mean year is as long as it is.

/// Days of the months; February of a mean Gregorian year.
const LENGTHS: [f64; 12] =
    [31.0, 28.2425, 31.0, 30.0, 31.0, 30.0, 31.0, 31.0, 30.0, 31.0, 30.0, 31.0];
/// Days of a mean year.
const YEAR: f64 = 365.2425;

/// How much a day of each month counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Season {
    months: [f64; 12],
}

impl Season {
    /// From twelve numbers above 0, of any scale.
    pub(crate) fn new(numbers: &[f64]) -> Option<Self> {
        let months: [f64; 12] = numbers.try_into().ok()?;
        if !months.iter().all(|m| *m > 0.0 && m.is_finite()) {
            return None;
        }
        let year: f64 = months.iter().zip(LENGTHS).map(|(m, days)| m * days).sum();
        let scale = YEAR / year;
        let months = months.map(|m| m * scale);
        months.iter().all(|m| *m > 0.0 && m.is_finite()).then_some(Self { months })
    }

    /// Operational days from the end of 1969 to the end of a day, which is counted from 1970-01-01.
    /// It rises with the day.
    pub(crate) fn until(&self, day: i64) -> f64 {
        let (year, month, of_month) = civil(day);
        let years = year - 1970;
        let leaps = leaps_before(year) - leaps_before(1970);
        let february = self.months.get(1).copied().unwrap_or(1.0);
        let common: f64 = self.months.iter().zip(LENGTHS).map(|(m, days)| m * days.floor()).sum();
        let whole_years = years as f64 * common + leaps as f64 * february;
        let is_leap = leaps_before(year + 1) > leaps_before(year);
        let mut so_far = 0.0;
        for ((at, weight), days) in (1..).zip(&self.months).zip(LENGTHS) {
            if at == month {
                so_far += weight * of_month as f64;
                break;
            }
            let extra = if at == 2 && is_leap { 1.0 } else { 0.0 };
            so_far += weight * (days.floor() + extra);
        }
        whole_years + so_far
    }
}

/// Leap days before a year begins.
fn leaps_before(year: i64) -> i64 {
    let y = year - 1;
    y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400)
}

/// Year, month and day of a day counted from 1970-01-01, by years that begin in March.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(17_897), (2019, 1, 1));
    }

    #[test]
    fn a_season_without_season_is_the_calendar() {
        let flat = Season::new(&[3.0; 12]).unwrap();
        for day in [-200_000, -1, 0, 58, 59, 11_016, 17_897, 200_000] {
            assert!((flat.until(day) - (day + 1) as f64).abs() < 1e-6, "{day}");
        }
    }

    /// Day by day over two centuries, leap years and years that are none.
    #[test]
    fn each_day_counts_what_its_month_does() {
        let numbers: Vec<f64> = (1..=12).map(|m| f64::from(m) / 4.0).collect();
        let season = Season::new(&numbers).unwrap();
        let scale = season.months[11] / 3.0;
        for day in -40_000..40_000 {
            let month = civil(day).1;
            let weight = scale * month as f64 / 4.0;
            let step = season.until(day) - season.until(day - 1);
            assert!(step > 0.0 && (step - weight).abs() < 1e-9, "{day}: {step}, not {weight}");
        }
        let year = season.until(146_096) - season.until(-1);
        assert!((year / 400.0 - YEAR).abs() < 1e-9, "a mean year has {}", year / 400.0);
    }

    #[test]
    fn what_is_no_season_is_none() {
        for numbers in
            [vec![1.0; 11], vec![0.0; 12], vec![f64::NAN; 12], vec![f64::MAX; 12], vec![-1.0; 12]]
        {
            assert_eq!(Season::new(&numbers), None);
        }
    }
}
