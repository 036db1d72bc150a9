//! The session settings `tenure.*` and what they mean while a statement is planned.
//!
//! Insert [`TenureOptions`] into the session's configuration to make `SET tenure.as_of = '…'`
//! work; without it every setting has its default.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use datafusion::arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use datafusion::common::config::{ConfigExtension, ConfigOptions};
use datafusion::common::{Result, extensions_options, plan_datafusion_err, plan_err};
use datafusion::logical_expr::simplify::SimplifyContext;

extensions_options! {
    /// Settings of Tenure, changed by `SET tenure.<name> = '<value>'`.
    pub struct TenureOptions {
        /// point in time that answers are given for, such as '2018-01-01' or '2018-01-01 12:00:00'; events after it do not exist; empty: the start of the statement
        pub as_of: String, default = String::new()
        /// time zone in which days, weeks and months begin, an IANA name such as 'Europe/London'
        pub timezone: String, default = "UTC".to_string()
        /// first day of the week, 'monday' to 'sunday'
        pub week_start: String, default = "monday".to_string()
        /// first month of the fiscal year, 1 to 12
        pub fiscal_year_start: usize, default = 1
        /// how far churn_prob, expected_purchases and clv look ahead in the view `profiles`, such as '90 days'
        pub horizon: String, default = "90 days".to_string()
        /// policy that stage_of uses where none is given, a name that stage_policy knows
        pub stage_policy: String, default = "retail".to_string()
        /// the lake in which a table is looked up that several of the open lakes have, such as 'retail'; empty: such a table is written with its lake
        pub lake: String, default = String::new()
        /// refuse NaN and infinite amounts instead of taking them as NULL
        pub strict: bool, default = false
    }
}

impl ConfigExtension for TenureOptions {
    const PREFIX: &'static str = "tenure";
}

impl TenureOptions {
    /// The settings of a session, or the defaults where it has none.
    pub fn of(config: &ConfigOptions) -> Self {
        config.extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Whether every setting means something.
    ///
    /// # Errors
    /// The first that does not, with what is allowed.
    pub fn check(&self) -> Result<()> {
        self.tz()?;
        self.as_of_micros(DateTime::UNIX_EPOCH)?;
        weekday("tenure.week_start", &self.week_start)?;
        if !(1..=12).contains(&self.fiscal_year_start) {
            return plan_err!(
                "tenure.fiscal_year_start: {} is no month; use 1 to 12",
                self.fiscal_year_start
            );
        }
        crate::stage::check_policy("tenure.stage_policy", self.stage_policy.trim())?;
        match parse_interval_month_day_nano(self.horizon.trim()) {
            Ok(v) if v.months == 0 && (v.days > 0 || v.nanoseconds > 0) => Ok(()),
            _ => plan_err!(
                "tenure.horizon: {:?} is no positive length of time that is always the same, and months and years are not; use days, such as '90 days'",
                self.horizon
            ),
        }
    }

    /// The time zone of the session.
    ///
    /// # Errors
    /// The setting names no time zone.
    pub fn tz(&self) -> Result<Tz> {
        Tz::from_str(self.timezone.trim()).map_err(|_| {
            plan_datafusion_err!(
                "tenure.timezone: {:?} is no time zone; use an IANA name such as 'Europe/London' or 'UTC'",
                self.timezone
            )
        })
    }

    /// The point in time that answers are given for, in microseconds of the session's wall clock;
    /// `now` where none is set.
    ///
    /// # Errors
    /// The setting is neither empty, nor a date, nor a timestamp.
    pub fn as_of_micros(&self, now: DateTime<Utc>) -> Result<i64> {
        let tz = self.tz()?;
        let text = self.as_of.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("now") {
            return Ok(now.with_timezone(&tz).naive_local().and_utc().timestamp_micros());
        }
        parse_wall_clock(text, tz).map_or_else(
            || {
                plan_err!(
                    "tenure.as_of: {text:?} is no point in time; use '2018-01-01' or '2018-01-01 12:00:00'"
                )
            },
            |t| Ok(t.and_utc().timestamp_micros()),
        )
    }

    /// [`Self::as_of_micros`] of the statement that is being planned.
    pub(crate) fn as_of_in(info: &SimplifyContext) -> Result<i64> {
        let now = info.query_execution_start_time().unwrap_or_else(Utc::now);
        Self::of(info.config_options()).as_of_micros(now)
    }
}

/// The day of the week that a text names, 0 for Monday; `what` is the setting or argument.
///
/// # Errors
/// It names none.
pub(crate) fn weekday(what: &str, name: &str) -> Result<i64> {
    const DAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let found = DAYS.iter().zip(0..).find(|(d, _)| d.eq_ignore_ascii_case(name.trim()));
    found.map_or_else(
        || plan_err!("{what}: {name:?} is no day; use {}", DAYS.join(", ")),
        |(_, day)| Ok(day),
    )
}

/// A date or timestamp, with or without offset, as wall-clock time of `tz`.
fn parse_wall_clock(text: &str, tz: Tz) -> Option<NaiveDateTime> {
    if let Ok(t) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(t.with_timezone(&tz).naive_local());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(t) = NaiveDateTime::parse_from_str(text, format) {
            return Some(t);
        }
    }
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    day.and_hms_opt(0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(as_of: &str, timezone: &str) -> Result<String> {
        let options =
            TenureOptions { as_of: as_of.into(), timezone: timezone.into(), ..Default::default() };
        let micros = options.as_of_micros(DateTime::UNIX_EPOCH)?;
        Ok(DateTime::from_timestamp_micros(micros)
            .map_or_else(String::new, |t| t.naive_utc().to_string()))
    }

    #[test]
    fn as_of_is_wall_clock_time_of_the_session() -> Result<()> {
        assert_eq!(at("2018-01-01", "Asia/Shanghai")?, "2018-01-01 00:00:00");
        assert_eq!(at("2018-07-01T00:00:00Z", "Europe/London")?, "2018-07-01 01:00:00");
        assert_eq!(at("2018-07-01 10:30", "Europe/London")?, "2018-07-01 10:30:00");
        assert_eq!(at("", "Asia/Shanghai")?, "1970-01-01 08:00:00");
        Ok(())
    }

    #[test]
    fn what_is_no_time_or_zone_is_refused_by_name() {
        assert!(
            at("yesterday", "UTC")
                .is_err_and(|e| e.to_string().contains("tenure.as_of: \"yesterday\""))
        );
        assert!(at("", "Mars").is_err_and(|e| e.to_string().contains("tenure.timezone: \"Mars\"")));
    }
}
