//! `age(later, earlier)`: the years, months, days and time between two times, and `age(ts)` to the
//! beginning of today. `age(xid)` tells how many transactions ago something changed; here that is the
//! same for everything.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, IntervalMonthDayNanoArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, plan_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

const NAME: &str = "age";

/// Registers the function.
pub(super) fn register(context: &SessionContext) {
    let signature = Signature::new(TypeSignature::UserDefined, Volatility::Stable);
    context.register_udf(ScalarUDF::from(Age { signature }));
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Age {
    signature: Signature,
}

impl ScalarUDFImpl for Age {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [xid] if xid.is_integer() || xid.is_null() => Ok(vec![DataType::Int64]),
            [_] | [_, _] => Ok(vec![DataType::Timestamp(TimeUnit::Microsecond, None); types.len()]),
            _ => plan_err!("{NAME} takes 1 to 2 arguments, got {}", types.len()),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match types {
            [DataType::Int64] => DataType::Int32,
            _ => DataType::Interval(IntervalUnit::MonthDayNano),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let times = |array: &ArrayRef| -> Result<Vec<Option<NaiveDateTime>>> {
            let micros = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let micros = micros.as_primitive::<TimestampMicrosecondType>().iter();
            let time = |t: i64| DateTime::from_timestamp_micros(t).map(|t| t.naive_utc());
            Ok(micros.map(|t| t.and_then(time)).collect())
        };
        let (later, earlier) = match arrays.as_slice() {
            [xids] if *xids.data_type() == DataType::Int64 => {
                let ages: Int32Array =
                    (0..xids.len()).map(|row| xids.is_valid(row).then_some(1)).collect();
                return Ok(ColumnarValue::Array(Arc::new(ages)));
            }
            [ts] => (vec![Utc::now().date_naive().and_hms_opt(0, 0, 0); ts.len()], times(ts)?),
            [later, earlier] => (times(later)?, times(earlier)?),
            _ => return plan_err!("{NAME} takes 1 to 2 arguments"),
        };
        let ages = later.into_iter().zip(earlier).map(|(later, earlier)| {
            let (later, earlier) = (later?, earlier?);
            Some(if later < earlier {
                negated(between(later, earlier)?)
            } else {
                between(earlier, later)?
            })
        });
        let ages: IntervalMonthDayNanoArray = ages.collect();
        Ok(ColumnarValue::Array(Arc::new(ages)))
    }
}

/// Field by field; a missing day is taken from the month of the first.
fn between(first: NaiveDateTime, second: NaiveDateTime) -> Option<IntervalMonthDayNano> {
    const DAY: i64 = 86_400_000_000_000;
    let clock = |t: NaiveDateTime| t.time().signed_duration_since(chrono::NaiveTime::MIN);
    let mut nanos = (clock(second) - clock(first)).num_nanoseconds()?;
    let mut days = i64::from(second.day()) - i64::from(first.day());
    let mut months = i64::from(second.year() - first.year()) * 12 + i64::from(second.month())
        - i64::from(first.month());
    if nanos < 0 {
        nanos += DAY;
        days -= 1;
    }
    if days < 0 {
        days += days_of_month(first.date())?;
        months -= 1;
    }
    let (months, days) = (i32::try_from(months).ok()?, i32::try_from(days).ok()?);
    Some(IntervalMonthDayNano::new(months, days, nanos))
}

fn days_of_month(date: NaiveDate) -> Option<i64> {
    let first = date.with_day(1)?;
    let next = first.checked_add_months(chrono::Months::new(1))?;
    Some((next - first).num_days())
}

const fn negated(age: IntervalMonthDayNano) -> IntervalMonthDayNano {
    IntervalMonthDayNano::new(-age.months, -age.days, -age.nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of PostgreSQL 15.
    #[test]
    fn ages_are_postgresqls() {
        let at = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
        for (later, earlier, months, days, hours) in AGES {
            let age = between(at(earlier), at(later)).unwrap();
            let want = IntervalMonthDayNano::new(*months, *days, hours * 3_600_000_000_000);
            assert_eq!(age, want, "{later} {earlier}");
        }
    }

    const AGES: &[(&str, &str, i32, i32, i64)] = &[
        ("2017-03-31 10:00:00", "2017-02-28 12:00:00", 1, 2, 22),
        ("2017-03-01 00:00:00", "2017-01-31 00:00:00", 1, 1, 0),
        ("2016-03-01 00:00:00", "2016-01-31 00:00:00", 1, 1, 0),
        ("2016-02-29 00:00:00", "2015-02-28 06:00:00", 12, 0, 18),
        ("2017-01-01 00:00:00", "2016-12-31 23:00:00", 0, 0, 1),
        ("2020-05-15 08:00:00", "2018-05-15 09:00:00", 23, 30, 23),
        ("2017-01-01 00:00:00", "2017-01-01 00:00:00", 0, 0, 0),
    ];
}
