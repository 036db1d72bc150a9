//! `local_time(ts [, timezone])`: the wall-clock time of an instant.
//!
//! NULL gives NULL. A timestamp without zone is wall-clock time already and stays as it is. Where
//! clocks are set back, two instants share one wall-clock time. O(1) a row.

use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use datafusion::arrow::array::{AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{
    Result, ScalarValue, exec_datafusion_err, internal_err, plan_datafusion_err, plan_err,
};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TypeSignature, Volatility, lit,
};
use datafusion_macros::user_doc;

use crate::args;
use crate::settings::TenureOptions;

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(LocalTime::default())));

/// The function `local_time`.
pub fn local_time_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

/// `ts`, which has a zone, as wall-clock time of the session.
pub(crate) fn wall_clock(ts: Expr, info: &SimplifyContext) -> Result<Expr> {
    let timezone = TenureOptions::of(info.config_options()).tz()?;
    Ok(local_time_udf().call(vec![ts, lit(timezone.name())]))
}

#[user_doc(
    doc_section(label = "Time"),
    description = "The wall-clock time of an instant in a time zone: what clocks on the wall showed. A timestamp without zone is wall-clock time already and is returned as it is; NULL gives NULL.",
    syntax_example = "local_time(ts [, timezone])",
    sql_example = r#"```sql
SELECT local_time(TIMESTAMP '2018-07-01T12:00:00Z', 'Europe/London');
-- 2018-07-01T12:00:00
SELECT local_time(arrow_cast(TIMESTAMP '2018-07-01T12:00:00', 'Timestamp(Microsecond, Some("UTC"))'), 'Europe/London');
-- 2018-07-01T13:00:00
```"#,
    argument(name = "ts", description = "an instant: a timestamp with time zone"),
    argument(name = "timezone", description = "IANA name; default: `tenure.timezone`")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct LocalTime {
    signature: Signature,
}

impl Default for LocalTime {
    fn default() -> Self {
        let plain = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
        let names = ["ts", "timezone"].map(String::from).to_vec();
        Self { signature: plain.clone().with_parameter_names(names).unwrap_or(plain) }
    }
}

impl ScalarUDFImpl for LocalTime {
    fn name(&self) -> &str {
        "local_time"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let ts = match types.first() {
            Some(DataType::Timestamp(_, tz)) => {
                DataType::Timestamp(TimeUnit::Microsecond, tz.clone())
            }
            Some(DataType::Date32 | DataType::Null) => {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            _ => {
                return plan_err!(
                    "local_time: argument 1 (ts) must be a timestamp; it is called local_time(ts [, timezone])"
                );
            }
        };
        match types.len() {
            1 => Ok(vec![ts]),
            2 => Ok(vec![ts, DataType::Utf8]),
            n => plan_err!(
                "local_time takes 1 to 2 arguments, got {n}; it is called local_time(ts [, timezone])"
            ),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, None))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        // a time zone that is NULL is the session's, as one that is left out
        let ts = match args.as_slice() {
            [ts] => ts,
            [ts, timezone] if args::is_null_literal(timezone) => ts,
            _ => return Ok(ExprSimplifyResult::Original(args)),
        };
        let plain =
            matches!(info.get_data_type(ts)?, DataType::Timestamp(TimeUnit::Microsecond, None));
        let ts = ts.clone();
        Ok(ExprSimplifyResult::Simplified(if plain {
            ts
        } else if matches!(ts.get_type(info.schema())?, DataType::Timestamp(_, Some(_))) {
            wall_clock(ts, info)?
        } else {
            return Ok(ExprSimplifyResult::Original(vec![ts]));
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let zoned = |ty: &DataType| matches!(ty, DataType::Timestamp(_, Some(_)));
        let timezone = match args.args.get(1) {
            // the session's zone is filled in later than constants are folded
            None if args.args.first().is_some_and(|ts| zoned(&ts.data_type())) => {
                return internal_err!("local_time: timezone has not been filled in by the session");
            }
            Some(ColumnarValue::Scalar(ScalarValue::Utf8(Some(name)))) => Tz::from_str(name.trim())
                .map_err(|_| plan_datafusion_err!("local_time: {name:?} is no time zone; use an IANA name such as 'Europe/London'"))?,
            None => Tz::UTC,
            _ => return plan_err!("local_time: argument 2 (timezone) must be a constant name of a time zone"),
        };
        let ts = ColumnarValue::values_to_arrays(args.args.get(..1).unwrap_or_default())?;
        let Some(ts) = ts.first() else {
            return plan_err!("local_time takes 1 to 2 arguments, got 0");
        };
        let micros = ts.as_primitive::<TimestampMicrosecondType>();
        let out: TimestampMicrosecondArray = if micros.timezone().is_none() {
            micros.clone()
        } else {
            micros
                .iter()
                .map(|t| t.map(|t| wall_micros(t, timezone)).transpose())
                .collect::<Result<_>>()?
        };
        Ok(ColumnarValue::Array(Arc::new(out)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

pub(crate) fn wall_micros(instant: i64, timezone: Tz) -> Result<i64> {
    let out_of_range =
        || exec_datafusion_err!("local_time: timestamp {instant} (µs) is out of range");
    let utc = DateTime::from_timestamp_micros(instant).ok_or_else(out_of_range)?;
    let offset = timezone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc();
    instant.checked_add(i64::from(offset) * 1_000_000).ok_or_else(out_of_range)
}
