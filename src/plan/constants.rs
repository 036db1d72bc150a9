//! Arguments of table functions that must be constants: they are looked at while planning, so that
//! what is wrong with one is told of the function that was called, and before anything is read.

use std::collections::BTreeSet;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, IntervalMonthDayNano, IntervalUnit,
};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::sqlparser::ast::{Expr as SqlExpr, Value};

use super::query::{self, interval};
use super::relations::Call;
use crate::error::{Error, ErrorKind, did_you_mean};
use crate::udfs::stage::policy_names;

/// What an argument is worth.
pub(crate) enum Worth {
    Constant(ScalarValue),
    /// a placeholder, whose value is not known yet
    Later,
    /// it depends on rows
    Rows,
}

/// Which lengths of time an argument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// also none at all
    NotNegative,
    Positive,
    /// positive and always the same: without months
    Fixed,
}

/// Days of the longest length that times can be moved by: 10,000 years, all months counted as long.
const LONGEST: i128 = 3_720_000;
const DAY: i128 = 86_400_000_000_000;

impl Lengths {
    /// What keeps a length from being one of these.
    fn fault(self, v: IntervalMonthDayNano) -> Option<&'static str> {
        let exact = i128::from(v.days) * DAY + i128::from(v.nanoseconds);
        let months = i128::from(v.months) * DAY;
        // months are as short as they can be where the length must not be less than something
        let (least, most) = if v.months > 0 {
            (exact + 28 * months, exact + 31 * months)
        } else {
            (exact + 31 * months, exact + 28 * months)
        };
        match self {
            Self::NotNegative if least < 0 => Some("must not be negative"),
            Self::Positive | Self::Fixed if least <= 0 => Some("must be a positive length of time"),
            Self::Fixed if v.months != 0 => Some(
                "must have one fixed length, and months and years do not; use days, such as INTERVAL '30 days'",
            ),
            // that of a function counts in these
            Self::Fixed if exact < 1_000 => Some("must not be shorter than a microsecond"),
            _ if most > LONGEST * DAY => Some("must not be longer than 10000 years"),
            _ => None,
        }
    }
}

/// The interval of a text: `'30 days'`, or `'week'` for one of it.
fn interval_of(text: &str) -> Option<IntervalMonthDayNano> {
    let text = text.trim().to_lowercase();
    let named = |c: char| c.is_ascii_alphabetic();
    let amounts = match text.as_str() {
        "quarter" => "3 months".to_string(),
        one if !one.is_empty() && one.chars().all(named) => format!("1 {one}"),
        other if other.contains(named) => other.to_string(),
        // a number of what?
        _ => return None,
    };
    parse_interval_month_day_nano(&amounts).ok()
}

/// The interval that a value is, or says.
fn as_interval(value: &ScalarValue) -> Option<IntervalMonthDayNano> {
    if let Some(text) = value.try_as_str() {
        return text.and_then(interval_of);
    }
    match value.cast_to(&DataType::Interval(IntervalUnit::MonthDayNano)) {
        Ok(ScalarValue::IntervalMonthDayNano(v))
            if matches!(value.data_type(), DataType::Interval(_)) =>
        {
            v
        }
        _ => None,
    }
}

/// The period of the calendar that is as long as an interval.
fn period(v: IntervalMonthDayNano) -> Option<&'static str> {
    match (v.months, v.days, v.nanoseconds) {
        (0, 0, 3_600_000_000_000) => Some("hour"),
        (0, 1, 0) => Some("day"),
        (0, 7, 0) => Some("week"),
        (1, 0, 0) => Some("month"),
        (3, 0, 0) => Some("quarter"),
        (12, 0, 0) => Some("year"),
        _ => None,
    }
}

/// The numbers of a list or of one number; `None`: there are others than numbers in it.
fn numbers(value: &ScalarValue) -> Option<Vec<f64>> {
    let values = match value {
        ScalarValue::List(list) => ArrayRef::clone(list.values()),
        one => one.to_array_of_size(1).ok()?,
    };
    let numeric = values.data_type().is_numeric() && values.null_count() == 0;
    let values = cast(&values, &DataType::Float64).ok().filter(|_| numeric)?;
    Some(values.as_primitive::<Float64Type>().values().to_vec())
}

/// The same of whole numbers.
fn whole_numbers(value: &ScalarValue) -> Option<Vec<i64>> {
    let values = match value {
        ScalarValue::List(list) => ArrayRef::clone(list.values()),
        one => one.to_array_of_size(1).ok()?,
    };
    let whole = values.data_type().is_integer() && values.null_count() == 0;
    let values = cast(&values, &DataType::Int64).ok().filter(|_| whole)?;
    Some(values.as_primitive::<Int64Type>().values().to_vec())
}

/// The first name that was there before.
pub(crate) fn repeated(names: &[String]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    names.iter().find(|name| !seen.insert(name.as_str())).map(String::as_str)
}

impl Call<'_> {
    /// A constant length of time, for a hole: an INTERVAL, or a text such as '1 day'.
    pub(crate) fn length(&mut self, name: &str, e: SqlExpr, lengths: Lengths) -> Result<SqlExpr> {
        let value = match self.worth(&e) {
            Worth::Constant(value) => value,
            Worth::Later => return Ok(e),
            Worth::Rows => ScalarValue::Null,
        };
        let Some(length) = as_interval(&value) else {
            return plan_err!(
                "{}: {name} must be an interval such as INTERVAL '1 day', got {e}",
                self.function
            );
        };
        if let Some(fault) = lengths.fault(length) {
            return plan_err!("{}: {name} {fault}, got {e}", self.function);
        }
        Ok(match value.try_as_str() {
            Some(_) => interval(&format!(
                "{} months {} days {} nanoseconds",
                length.months, length.days, length.nanoseconds
            )),
            None => e,
        })
    }

    /// [`Self::length`] of an argument that need not be given.
    pub(crate) fn length_or_null(
        &mut self,
        name: &'static str,
        lengths: Lengths,
    ) -> Result<SqlExpr> {
        match self.written(name) {
            Some(e) => self.length(name, e, lengths),
            None => Ok(query::null()),
        }
    }

    /// The word of the period that is as long as a constant INTERVAL.
    pub(crate) fn period_of(&mut self, e: &SqlExpr) -> Option<&'static str> {
        match self.worth(e) {
            Worth::Constant(value) => as_interval(&value).and_then(period),
            _ => None,
        }
    }

    /// Twelve numbers above 0; what depends on rows is looked at when they are there.
    pub(crate) fn season(&mut self) -> Result<Option<SqlExpr>> {
        let Some(e) = self.written("season") else { return Ok(None) };
        if let Worth::Constant(value) = self.worth(&e) {
            let fits = |list: &Vec<f64>| {
                list.len() == 12 && list.iter().all(|m| *m > 0.0 && m.is_finite())
            };
            if numbers(&value).is_none_or(|list| !fits(&list)) {
                return plan_err!(
                    "{}: season must be twelve numbers above 0, one for each month, got {e}",
                    self.function
                );
            }
        }
        Ok(Some(e))
    }

    /// A whole number or a list of them, each at least `least`; NULL without it.
    pub(crate) fn whole_numbers(&mut self, name: &'static str, least: i64) -> Result<SqlExpr> {
        let Some(e) = self.written(name) else { return Ok(query::null()) };
        let fits = match self.worth(&e) {
            Worth::Constant(value) => {
                whole_numbers(&value).is_some_and(|all| all.iter().all(|n| *n >= least))
            }
            Worth::Later => true,
            Worth::Rows => false,
        };
        if !fits {
            return plan_err!(
                "{}: {name} must be a whole number or a list of them, at least {least}, got {e}",
                self.function
            );
        }
        Ok(e)
    }

    /// A `stage_policy(…)`, or the name of one; NULL without it.
    pub(crate) fn policy(&mut self) -> Result<SqlExpr> {
        let Some(e) = self.written("policy") else { return Ok(query::null()) };
        let named = match &e {
            SqlExpr::Value(v) => match &v.value {
                Value::SingleQuotedString(name) => Some(name),
                _ => None,
            },
            _ => None,
        };
        match named.filter(|name| !policy_names().contains(&name.as_str())) {
            Some(name) => {
                let known = policy_names().iter().copied();
                let all: Vec<String> = policy_names().iter().map(|n| format!("'{n}'")).collect();
                let hint = did_you_mean(name, known).unwrap_or_else(|| {
                    "a policy of your own is stage_policy('retail', churn_after => INTERVAL '200 days')"
                        .to_string()
                });
                let message = format!(
                    "{}: {name:?} is no policy; there are {}",
                    self.function,
                    all.join(", ")
                );
                Err(Error::new(ErrorKind::Invalid, message).with_hint(hint).into())
            }
            None => Ok(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(months: i32, days: i32, nanoseconds: i64) -> IntervalMonthDayNano {
        IntervalMonthDayNano { months, days, nanoseconds }
    }

    #[test]
    fn months_count_as_short_as_they_may_be() {
        use Lengths::{Fixed, NotNegative, Positive};
        for (length, lengths, fits) in [
            (of(0, 0, 0), NotNegative, true),
            (of(0, 0, 0), Positive, false),
            (of(0, -1, 0), NotNegative, false),
            (of(0, 1, -1), Positive, true),
            (of(1, -27, 0), Positive, true),
            (of(1, -28, 0), Positive, false),
            (of(1, -28, 0), NotNegative, true),
            (of(1, -29, 0), NotNegative, false),
            (of(-1, 31, 0), NotNegative, true),
            (of(-1, 30, 0), NotNegative, false),
            (of(1, 0, 0), Fixed, false),
            (of(0, 0, 999), Fixed, false),
            (of(0, 0, 1_000), Fixed, true),
            (of(120_000, 0, 0), Positive, true),
            (of(120_001, 0, 0), NotNegative, false),
            (of(i32::MAX, i32::MAX, i64::MAX), Positive, false),
            (of(i32::MIN, i32::MIN, i64::MIN), NotNegative, false),
        ] {
            let fault = lengths.fault(length);
            assert_eq!(fault.is_none(), fits, "{length:?} {lengths:?}: {fault:?}");
        }
    }

    #[test]
    fn a_text_is_an_interval_if_it_names_a_unit() {
        let text = |t: &str| as_interval(&ScalarValue::from(t));
        assert_eq!(text(" 1 day "), Some(of(0, 1, 0)));
        assert_eq!(text("Week"), Some(of(0, 7, 0)));
        assert_eq!(text("quarter"), Some(of(3, 0, 0)));
        assert_eq!(text("3600"), None);
        assert_eq!(text(""), None);
        assert_eq!(text("a while"), None);
        assert_eq!(as_interval(&ScalarValue::Int64(Some(3600))), None);
        assert_eq!(as_interval(&ScalarValue::IntervalYearMonth(Some(2))), Some(of(2, 0, 0)));
    }

    #[test]
    fn the_first_name_that_comes_again_is_told() {
        let names = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(repeated(&names(&["a", "b", "a", "b"])), Some("a"));
        assert_eq!(repeated(&names(&["a", "A"])), None);
    }
}
