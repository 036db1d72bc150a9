//! PostgreSQL's functions that speak of the session itself.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int32Array, ListBuilder, StringArray, StringBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility, create_udf,
};

use super::lakes::Lakes;
use super::{names, numbers, roles, search_path};
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
pub(super) fn register(
    context: &SessionContext,
    who: Who<'_>,
    settings: &Arc<RwLock<Settings>>,
    lakes: &Lakes,
) {
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
        constant("pg_postmaster_start_time", started()),
        current_schema(settings, lakes),
        current_schemas(settings, lakes),
        current_setting(settings),
        set_config(settings),
        pg_get_userbyid(who.user),
        to_regclass(settings, lakes),
        pg_table_is_visible(settings, lakes),
    ];
    for function in functions {
        context.register_udf(function);
    }
}

/// When the first client came.
fn started() -> ScalarValue {
    static STARTED: OnceLock<i64> = OnceLock::new();
    let micros = *STARTED.get_or_init(|| chrono::Utc::now().timestamp_micros());
    ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
}

fn constant(name: &str, value: ScalarValue) -> ScalarUDF {
    let ty = value.data_type();
    let f = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(value.clone()));
    create_udf(name, vec![], ty, Volatility::Stable, Arc::new(f))
}

/// `current_schema()`: the one that takes names without a schema.
fn current_schema(settings: &Arc<RwLock<Settings>>, lakes: &Lakes) -> ScalarUDF {
    let (settings, lakes) = (Arc::clone(settings), lakes.clone());
    OfSession::function("current_schema", Volatility::Stable, DataType::Utf8, move |args| {
        let path = search_path::of(&settings, &lakes);
        let first = path.first().map(String::as_str);
        Ok(Arc::new(StringArray::from(vec![first; args.number_rows])))
    })
}

/// `current_schemas(implicit)`: all of the path, and those that are always searched.
fn current_schemas(settings: &Arc<RwLock<Settings>>, lakes: &Lakes) -> ScalarUDF {
    let (settings, lakes) = (Arc::clone(settings), lakes.clone());
    let gives = DataType::new_list(DataType::Utf8, true);
    OfSession::function("current_schemas", Volatility::Stable, gives, move |args| {
        let path = search_path::of(&settings, &lakes);
        let implicit = cast(&argument(args, 0)?, &DataType::Boolean)?;
        let mut out = ListBuilder::new(StringBuilder::new());
        for implicit in implicit.as_boolean() {
            if implicit == Some(true) {
                out.values().append_value("pg_catalog");
            }
            for schema in &path {
                out.values().append_value(schema);
            }
            out.append(true);
        }
        Ok(Arc::new(out.finish()))
    })
}

/// `current_setting(name [, missing_ok])`; NULL for one that there is not.
fn current_setting(settings: &Arc<RwLock<Settings>>) -> ScalarUDF {
    let settings = Arc::clone(settings);
    OfSession::function("current_setting", Volatility::Volatile, DataType::Utf8, move |args| {
        let names = texts(args, 0)?;
        let own = crate::options::settings(&args.config_options);
        let settings = settings.read().unwrap_or_else(PoisonError::into_inner);
        let value = |name: &str| match name.strip_prefix("tenure.") {
            Some(name) => own.iter().find(|s| s.name == name).map(|s| s.value.clone()),
            None => settings.get(name).map(str::to_owned),
        };
        let values = names.iter().map(|name| name.and_then(value));
        Ok(Arc::new(values.collect::<StringArray>()))
    })
}

/// `set_config(name, value, local)`: the new value. One of the engine's, and one for the transaction
/// only, is set once the statement has run.
fn set_config(settings: &Arc<RwLock<Settings>>) -> ScalarUDF {
    let settings = Arc::clone(settings);
    OfSession::function("set_config", Volatility::Volatile, DataType::Utf8, move |args| {
        let (names, values) = (texts(args, 0)?, texts(args, 1)?);
        let locals = cast(&argument(args, 2)?, &DataType::Boolean)?;
        let mut settings = settings.write().unwrap_or_else(PoisonError::into_inner);
        let mut out = StringBuilder::new();
        for ((name, value), local) in names.iter().zip(&values).zip(locals.as_boolean()) {
            let Some(name) = name else {
                return Err(DataFusionError::Execution("set_config: NULL is no setting".into()));
            };
            if local == Some(true) || name.contains('.') {
                settings.set_later(name, value, local == Some(true));
                out.append_option(value);
                continue;
            }
            settings
                .set(name, value)
                .map_err(|failure| DataFusionError::Execution(format!("set_config: {failure}")))?;
            out.append_option(settings.get(name));
        }
        Ok(Arc::new(out.finish()))
    })
}

/// `pg_get_userbyid(oid)`.
fn pg_get_userbyid(user: &str) -> ScalarUDF {
    let user = user.to_owned();
    OfSession::function("pg_get_userbyid", Volatility::Stable, DataType::Utf8, move |args| {
        let oids = cast(&argument(args, 0)?, &DataType::Int64)?;
        let names = oids.as_primitive::<Int64Type>().iter();
        let names = names.map(|oid| oid.map(|oid| roles::name_of(oid, &user)));
        Ok(Arc::new(names.collect::<StringArray>()))
    })
}

/// `to_regclass(name)`: the number of a relation by its name, with or without its schema; NULL if
/// there is none. A number stays what it is.
fn to_regclass(settings: &Arc<RwLock<Settings>>, lakes: &Lakes) -> ScalarUDF {
    let (settings, lakes) = (Arc::clone(settings), lakes.clone());
    OfSession::function("to_regclass", Volatility::Stable, DataType::Int32, move |args| {
        let path = search_path::of(&settings, &lakes);
        let number = |text: &str| -> Option<i32> {
            if let Ok(number) = text.parse() {
                return Some(number);
            }
            let (schema, name) = match names::parts(text)?.as_slice() {
                [name] => (lakes.schema_of(name, &path)?, name.clone()),
                [.., schema, name] => (schema.clone(), name.clone()),
                [] => return None,
            };
            lakes.has(&schema, &name).then(|| numbers::of_relation(&schema, &name))
        };
        let texts = texts(args, 0)?;
        Ok(Arc::new(texts.iter().map(|text| text.and_then(number)).collect::<Int32Array>()))
    })
}

/// `pg_table_is_visible(oid)`: whether the relation is what its name means without a schema; not
/// for what is no relation.
fn pg_table_is_visible(settings: &Arc<RwLock<Settings>>, lakes: &Lakes) -> ScalarUDF {
    let (settings, lakes) = (Arc::clone(settings), lakes.clone());
    OfSession::function("pg_table_is_visible", Volatility::Stable, DataType::Boolean, move |args| {
        let visible = lakes.visible(&search_path::of(&settings, &lakes));
        let oids = cast(&argument(args, 0)?, &DataType::Int32)?;
        let known = oids.as_primitive::<Int32Type>().iter();
        let known = known.map(|oid| oid.map(|oid| visible.contains(&oid)));
        Ok(Arc::new(known.collect::<BooleanArray>()))
    })
}

/// An argument as one value a row.
fn argument(args: &ScalarFunctionArgs, at: usize) -> Result<ArrayRef> {
    match args.args.get(at) {
        Some(value) => value.to_array(args.number_rows),
        None => Err(DataFusionError::Execution(format!("argument {} is missing", at + 1))),
    }
}

fn texts(args: &ScalarFunctionArgs, at: usize) -> Result<StringArray> {
    Ok(cast(&argument(args, at)?, &DataType::Utf8)?.as_string::<i32>().clone())
}

type Call = Box<dyn Fn(&ScalarFunctionArgs) -> Result<ArrayRef> + Send + Sync>;

/// A function of any arguments, which may know its session.
pub(super) struct OfSession {
    name: &'static str,
    signature: Signature,
    gives: DataType,
    call: Call,
}

impl OfSession {
    pub(super) fn function(
        name: &'static str,
        volatility: Volatility,
        gives: DataType,
        call: impl Fn(&ScalarFunctionArgs) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> ScalarUDF {
        let any = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
        let signature = Signature::one_of(any, volatility);
        ScalarUDF::from(Self { name, signature, gives, call: Box::new(call) })
    }
}

impl std::fmt::Debug for OfSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfSession").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for OfSession {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for OfSession {}

impl Hash for OfSession {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for OfSession {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.gives.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Array((self.call)(&args)?))
    }
}
