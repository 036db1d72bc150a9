//! PostgreSQL's functions that speak of the session itself.

use std::sync::{Arc, PoisonError, RwLock};

use datafusion::arrow::array::{ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use crate::server::settings::Settings;
use crate::server::startup::SERVER_VERSION;

/// Whose session it is.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct Who<'a> {
    pub(in crate::server) user: &'a str,
    pub(in crate::server) database: &'a str,
    pub(in crate::server) pid: i32,
}

/// Registers the functions of one session.
pub(super) fn register(context: &SessionContext, who: Who<'_>, settings: &Arc<RwLock<Settings>>) {
    let version = format!("PostgreSQL {SERVER_VERSION} (Tenure {})", env!("CARGO_PKG_VERSION"));
    let functions = [
        constant("version", ScalarValue::from(version)),
        constant("current_database", ScalarValue::from(who.database)),
        constant("current_catalog", ScalarValue::from(who.database)),
        constant("current_user", ScalarValue::from(who.user)),
        constant("session_user", ScalarValue::from(who.user)),
        constant("pg_backend_pid", ScalarValue::Int32(Some(who.pid))),
        constant("pg_is_in_recovery", ScalarValue::Boolean(Some(false))),
        constant("txid_current", ScalarValue::Int64(Some(1))),
        current_schema(settings),
        current_setting(settings),
        set_config(settings),
    ];
    for function in functions {
        context.register_udf(function);
    }
}

fn constant(name: &str, value: ScalarValue) -> ScalarUDF {
    let ty = value.data_type();
    let f = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(value.clone()));
    create_udf(name, vec![], ty, Volatility::Stable, Arc::new(f))
}

fn setting(settings: &RwLock<Settings>, name: &str) -> Option<String> {
    let settings = settings.read().unwrap_or_else(PoisonError::into_inner);
    settings.get(name).map(str::to_owned)
}

/// The first schema of the path.
fn current_schema(settings: &Arc<RwLock<Settings>>) -> ScalarUDF {
    let settings = Arc::clone(settings);
    let f = move |_: &[ColumnarValue]| {
        let path = setting(&settings, "search_path").unwrap_or_default();
        let first = path.split(',').map(|s| s.trim().trim_matches('"')).find(|s| *s != "$user");
        let first = first.filter(|s| !s.is_empty() && *s != "public").unwrap_or("main");
        Ok(ColumnarValue::Scalar(ScalarValue::from(first)))
    };
    create_udf("current_schema", vec![], DataType::Utf8, Volatility::Stable, Arc::new(f))
}

/// `current_setting(name)`; NULL for one that there is not.
fn current_setting(settings: &Arc<RwLock<Settings>>) -> ScalarUDF {
    let settings = Arc::clone(settings);
    over_text("current_setting", move |name| setting(&settings, name))
}

/// `set_config(name, value, local)`: what it would have set. Settings are set by SET.
fn set_config(settings: &Arc<RwLock<Settings>>) -> ScalarUDF {
    let settings = Arc::clone(settings);
    let f = move |args: &[ColumnarValue]| {
        let (Some(name), Some(value)) = (text(args.first()), text(args.get(1))) else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
        };
        let mut settings = settings.write().unwrap_or_else(PoisonError::into_inner);
        settings.set(&name, Some(&value)).map_err(|_| {
            DataFusionError::Execution(format!("set_config: {name} cannot be set so"))
        })?;
        Ok(ColumnarValue::Scalar(ScalarValue::from(value)))
    };
    let types = vec![DataType::Utf8, DataType::Utf8, DataType::Boolean];
    create_udf("set_config", types, DataType::Utf8, Volatility::Volatile, Arc::new(f))
}

fn text(value: Option<&ColumnarValue>) -> Option<String> {
    match value? {
        ColumnarValue::Scalar(ScalarValue::Utf8(text)) => text.clone(),
        _ => None,
    }
}

/// A function of one text.
fn over_text(name: &str, of: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> ScalarUDF {
    let f = move |args: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let Some(array) = arrays.first() else {
            return Ok(args.first().cloned().unwrap_or(ColumnarValue::Scalar(ScalarValue::Null)));
        };
        let mut out = StringBuilder::new();
        for value in array.as_string::<i32>() {
            out.append_option(value.and_then(&of));
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish()) as ArrayRef))
    };
    create_udf(name, vec![DataType::Utf8], DataType::Utf8, Volatility::Volatile, Arc::new(f))
}
