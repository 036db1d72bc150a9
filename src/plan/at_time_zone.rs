//! `ts AT TIME ZONE 'Europe/London'`, as PostgreSQL and DuckDB answer it: of an instant the time that
//! clocks showed there, of a time without zone the instant at which they did. DataFusion's answer to
//! the first is the instant again, so that days and months of it are those of UTC.
//!
//! It becomes `timezone('Europe/London', ts)`, which is how PostgreSQL spells it as a function.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sqlparser::ast::{
    Expr as SqlExpr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement,
    visit_expressions_mut,
};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility, cast,
};

use super::query;
use crate::udfs::time::local_time_udf;

const NAME: &str = "timezone";
const USAGE: &str = "it is called timezone(zone, ts), or ts AT TIME ZONE zone";

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(Timezone::default())));

/// The function `timezone`.
pub(crate) fn timezone_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

/// Makes every `AT TIME ZONE` of `statement` a call.
pub(crate) fn call(statement: &mut Statement) {
    let _ = visit_expressions_mut(statement, |expr| {
        if let SqlExpr::AtTimeZone { timestamp, time_zone } = expr {
            let mut call = query::call(NAME, time_zone.as_ref().clone());
            if let SqlExpr::Function(Function { args: FunctionArguments::List(list), .. }) =
                &mut call
            {
                let timestamp = timestamp.as_ref().clone();
                list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(timestamp)));
            }
            *expr = call;
        }
        ControlFlow::<()>::Continue(())
    });
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Timezone {
    signature: Signature,
}

impl Default for Timezone {
    fn default() -> Self {
        Self { signature: Signature::new(TypeSignature::UserDefined, Volatility::Immutable) }
    }
}

const fn micros(zone: Option<Arc<str>>) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, zone)
}

/// The zone of a call, which must be known when it is planned.
fn zone(value: Option<&ScalarValue>) -> Result<Arc<str>> {
    match value.and_then(ScalarValue::try_as_str).flatten() {
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
            DataType::Date32 | DataType::Date64 => micros(None),
            // a text alone is an instant, as in PostgreSQL
            ts if ts.is_string() || ts.is_null() => micros(Some("UTC".into())),
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
            _ => local_time_udf().call(vec![ts.clone(), place.clone()]),
        }))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{NAME} is planned as a cast or as local_time")
    }
}
