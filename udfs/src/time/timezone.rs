//! `timezone(zone, ts)`: what `ts AT TIME ZONE zone` means.
//!
//! Of an instant the time that clocks showed in the zone, of a time without zone the instant at which
//! they did; one that they did not show, or showed twice, is an error. NULL gives NULL. O(1) a row: it
//! is planned as a cast or as `local_time`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TypeSignature, Volatility, cast, lit,
};
use datafusion_macros::user_doc;

use super::local_time::local_time_udf;

const NAME: &str = "timezone";
const USAGE: &str = "it is called timezone(zone, ts), or ts AT TIME ZONE zone";

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(Timezone::default())));

/// The function `timezone`.
pub fn timezone_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Time"),
    description = "ts AT TIME ZONE zone, as a function: of an instant the time that clocks showed in the zone, of a time without zone the instant at which they did. A text or a date is an instant, in UTC. A time without zone that clocks did not show, or showed twice, is an error. NULL gives NULL. O(1) a row. PostgreSQL's timezone.",
    syntax_example = "timezone(zone, ts)",
    sql_example = r#"```sql
SELECT timezone('Europe/London', arrow_cast(TIMESTAMP '2018-07-01T12:00:00', 'Timestamp(Microsecond, Some("UTC"))'));
-- 2018-07-01T13:00:00
SELECT timezone('UTC', timezone('Europe/London', TIMESTAMP '2018-07-01T12:00:00'));
-- 2018-07-01T11:00:00
```"#,
    argument(name = "zone", description = "IANA name, a constant"),
    argument(name = "ts", description = "a timestamp, with or without zone")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct Timezone {
    signature: Signature,
}

impl Default for Timezone {
    fn default() -> Self {
        let plain = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
        let names = ["zone", "ts"].map(String::from).to_vec();
        Self { signature: plain.clone().with_parameter_names(names).unwrap_or(plain) }
    }
}

const fn micros(zone: Option<Arc<str>>) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, zone)
}

/// The zone of a call, which must be known when it is planned.
fn zone(value: Option<&ScalarValue>) -> Result<Arc<str>> {
    match value.and_then(ScalarValue::try_as_str).flatten() {
        Some(zone) if zone.eq_ignore_ascii_case("utc") => Ok("UTC".into()),
        Some(zone) => Ok(zone.into()),
        None => plan_err!("{NAME}: the zone must be a constant, such as 'Europe/London'; {USAGE}"),
    }
}

impl ScalarUDFImpl for Timezone {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [zone, ts] = types else {
            return plan_err!("{NAME} takes 2 arguments, got {}; {USAGE}", types.len());
        };
        if !zone.is_string() && !zone.is_null() {
            return plan_err!("{NAME}: the zone must be text, got {zone}; {USAGE}");
        }
        let ts = match ts {
            DataType::Timestamp(_, zone) => micros(zone.clone()),
            // a text or a date is an instant, as in PostgreSQL
            ts if ts.is_string()
                || ts.is_null()
                || matches!(ts, DataType::Date32 | DataType::Date64) =>
            {
                micros(Some("UTC".into()))
            }
            other => return plan_err!("{NAME}: ts must be a timestamp, got {other}; {USAGE}"),
        };
        Ok(vec![DataType::Utf8, ts])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of {NAME} is told by its zone")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let gives = match args.arg_fields.get(1).map(|field| field.data_type()) {
            Some(DataType::Timestamp(_, None)) => {
                micros(Some(zone(args.scalar_arguments.first().copied().flatten())?))
            }
            _ => micros(None),
        };
        Ok(Arc::new(Field::new(NAME, gives, true)))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let [place, ts] = args.as_slice() else {
            return internal_err!("{NAME} has two arguments");
        };
        let known = match place {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        };
        Ok(ExprSimplifyResult::Simplified(match info.get_data_type(ts)? {
            DataType::Timestamp(_, None) => cast(ts.clone(), micros(Some(zone(known)?))),
            // NULL is no zone: it would be the session's
            _ if known.is_some_and(ScalarValue::is_null) => {
                cast(Expr::Literal(ScalarValue::Null, None), micros(None))
            }
            _ => {
                let place = match known {
                    Some(_) => lit(zone(known)?.as_ref()),
                    None => place.clone(),
                };
                local_time_udf().call(vec![ts.clone(), place])
            }
        }))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{NAME} is planned as a cast or as local_time")
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
