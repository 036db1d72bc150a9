//! What the functions of the calendar share: their arguments, and how times come to the wall clock.

use std::str::FromStr;

use chrono_tz::Tz;
use datafusion::arrow::array::{Array, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, lit};

use super::core::Unit;
use super::local_time::local_time_udf;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::settings::weekday;

pub(super) const UNIT: Param = required("unit", Ty::Text);
pub(super) const TIMEZONE: Param = option("timezone", Ty::Text, Fill::Timezone);
pub(super) const WEEK_START: Param = option("week_start", Ty::Text, Fill::WeekStart);
pub(super) const FISCAL: Param = option("fiscal_year_start", Ty::Int, Fill::FiscalYearStart);

const UNITS: [&str; 8] =
    ["hour", "day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year"];

/// A call of a function on periods: some times, then `unit, timezone, week_start,
/// fiscal_year_start`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub name: &'static str,
    pub params: &'static [Param],
    /// how many times come first
    pub times: usize,
}

impl Call {
    /// The call with its defaults, and times with a zone on the wall clock.
    pub(super) fn simplify(
        self,
        given: Vec<Expr>,
        info: &SimplifyContext,
        call: impl FnOnce(Vec<Expr>) -> Expr,
    ) -> Result<ExprSimplifyResult> {
        let completed = args::complete(self.params, &given, info)?;
        let mut changed = completed.is_some();
        let mut all = completed.unwrap_or(given);
        let timezone = all.get(self.times + 1).cloned().unwrap_or_else(|| lit("UTC"));
        for time in all.iter_mut().take(self.times) {
            if matches!(info.get_data_type(time)?, DataType::Timestamp(_, Some(_))) {
                *time = local_time_udf().call(vec![time.clone(), timezone.clone()]);
                changed = true;
            }
        }
        // what is wrong is told while the statement is planned, whether or not it finds rows
        let literal = |e: &Expr| match e {
            Expr::Literal(value, _) => Some(value.clone()),
            _ => None,
        };
        if let Some(options) = all.iter().skip(self.times).map(literal).collect::<Option<Vec<_>>>()
        {
            self.unit(&options)?;
        }
        Ok(if changed {
            ExprSimplifyResult::Simplified(call(all))
        } else {
            ExprSimplifyResult::Original(all)
        })
    }

    /// The times, all of one length, and the unit.
    pub(super) fn read(self, given: &[ColumnarValue]) -> Result<(Vec<Times>, Unit)> {
        args::completed(self.name, self.params, given)?;
        let Some((times, options)) = given.split_at_checked(self.times) else {
            return internal_err!("{} needs {} times", self.name, self.times);
        };
        let constant = |(at, value): (usize, &ColumnarValue)| match value {
            ColumnarValue::Scalar(value) => Ok(value.clone()),
            ColumnarValue::Array(_) => {
                let name = self.params.get(self.times + at).map_or("option", |p| p.name);
                plan_err!(
                    "{}: argument {} ({name}) must be a constant",
                    self.name,
                    self.times + at + 1
                )
            }
        };
        let options: Vec<ScalarValue> =
            options.iter().enumerate().map(constant).collect::<Result<_>>()?;
        let times = ColumnarValue::values_to_arrays(times)?;
        if times.iter().any(|t| !matches!(t.data_type(), DataType::Timestamp(_, None))) {
            return internal_err!("{}: a time is not on the wall clock", self.name);
        }
        let times =
            times.iter().map(|t| t.as_primitive::<TimestampMicrosecondType>().clone()).collect();
        Ok((times, self.unit(&options)?))
    }

    /// The unit that the arguments after the times mean.
    fn unit(self, options: &[ScalarValue]) -> Result<Unit> {
        let text = |at: usize| options.get(at).and_then(|v| v.try_as_str().flatten());
        if let Some(timezone) = text(1)
            && Tz::from_str(timezone.trim()).is_err()
        {
            return plan_err!(
                "{}: {timezone:?} is no time zone; use an IANA name such as 'Europe/London'",
                self.name
            );
        }
        let week_start = || match text(2) {
            Some(day) => weekday(&format!("{}: week_start", self.name), day),
            None => Ok(0),
        };
        let fiscal = || match options.get(3) {
            Some(ScalarValue::Int64(Some(month @ 1..=12))) => Ok(month - 1),
            None | Some(ScalarValue::Int64(None)) => Ok(0),
            Some(other) => plan_err!(
                "{}: fiscal_year_start must be a month from 1 to 12, got {other}",
                self.name
            ),
        };
        let name = text(0).unwrap_or_default().trim().to_lowercase();
        Ok(match name.strip_suffix('s').unwrap_or(&name) {
            "hour" => Unit::Hour,
            "day" => Unit::Day,
            "week" => Unit::Week(week_start()?),
            "month" => Unit::Months(1, 0),
            "quarter" => Unit::Months(3, 0),
            "year" => Unit::Months(12, 0),
            "fiscal_quarter" => Unit::Months(3, fiscal()?),
            "fiscal_year" => Unit::Months(12, fiscal()?),
            _ => {
                return plan_err!(
                    "{}: unit must be '{}', got {}",
                    self.name,
                    UNITS.join("', '"),
                    text(0).map_or_else(|| "NULL".to_string(), |t| format!("{t:?}"))
                );
            }
        })
    }
}

/// Times on the wall clock.
pub(super) type Times = TimestampMicrosecondArray;
