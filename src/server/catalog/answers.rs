//! PostgreSQL's functions about its catalog that have one answer here, or an answer about Tenure's
//! functions: any number of arguments of any type.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use super::routines::Routine;

/// Yes: everything is visible.
const YES: &[&str] = &[
    "pg_function_is_visible",
    "pg_type_is_visible",
    "pg_operator_is_visible",
    "pg_opclass_is_visible",
    "pg_opfamily_is_visible",
    "pg_collation_is_visible",
    "pg_conversion_is_visible",
    "pg_statistics_obj_is_visible",
    "pg_ts_config_is_visible",
    "pg_ts_dict_is_visible",
    "pg_ts_parser_is_visible",
    "pg_ts_template_is_visible",
];

/// Nothing: there are no comments on columns, defaults, partitions, indexes, triggers and so on.
const NOTHING: &[&str] = &[
    "col_description",
    "shobj_description",
    "pg_get_expr",
    "pg_get_partkeydef",
    "pg_get_viewdef",
    "pg_get_indexdef",
    "pg_get_triggerdef",
    "pg_get_ruledef",
    "pg_get_functiondef",
    "pg_get_function_sqlbody",
    "pg_get_serial_sequence",
    "pg_get_statisticsobjdef",
    "pg_tablespace_location",
    "pg_describe_object",
    "inet_server_addr",
    "inet_client_addr",
    "to_regtype",
    "pg_advisory_unlock_all",
];

/// Unknown sizes.
const UNKNOWN: &[&str] = &[
    "pg_database_size",
    "pg_indexes_size",
    "pg_relation_size",
    "pg_table_size",
    "pg_tablespace_size",
    "pg_total_relation_size",
];

/// Registers the functions.
pub(super) fn register(context: &SessionContext, routines: &[Routine]) {
    let constant = |name: &'static str, value: ScalarValue| {
        context.register_udf(ScalarUDF::from(Answer::new(name, value, HashMap::new())));
    };
    for name in YES {
        constant(name, ScalarValue::Boolean(Some(true)));
    }
    for name in NOTHING {
        constant(name, ScalarValue::Utf8(None));
    }
    for name in UNKNOWN {
        constant(name, ScalarValue::Int64(None));
    }
    constant("pg_encoding_to_char", ScalarValue::from("UTF8"));
    let by_oid = |of: fn(&Routine) -> String| -> HashMap<i64, String> {
        routines.iter().filter(|r| r.is_own()).map(|r| (i64::from(r.oid), of(r))).collect()
    };
    for (name, other, texts) in [
        ("obj_description", None, by_oid(Routine::description)),
        ("pg_get_function_result", Some("".to_owned()), by_oid(Routine::result)),
        ("pg_get_function_arguments", Some("".to_owned()), by_oid(Routine::arguments)),
        ("pg_get_function_identity_arguments", Some("".to_owned()), by_oid(Routine::arguments)),
    ] {
        context.register_udf(ScalarUDF::from(Answer::new(name, ScalarValue::Utf8(other), texts)));
    }
}

/// One answer, and others for some numbers of objects.
#[derive(Debug)]
struct Answer {
    name: &'static str,
    signature: Signature,
    value: ScalarValue,
    texts: HashMap<i64, String>,
}

impl Answer {
    fn new(name: &'static str, value: ScalarValue, texts: HashMap<i64, String>) -> Self {
        let any = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
        Self { name, signature: Signature::one_of(any, Volatility::Stable), value, texts }
    }
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Answer {}

impl Hash for Answer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Answer {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(first) = args.args.first().filter(|_| !self.texts.is_empty()) else {
            return Ok(ColumnarValue::Scalar(self.value.clone()));
        };
        let other = match &self.value {
            ScalarValue::Utf8(text) => text.as_deref(),
            _ => None,
        };
        let oids = cast(&first.to_array(args.number_rows)?, &DataType::Int64)?;
        let mut out = StringBuilder::new();
        for oid in oids.as_primitive::<Int64Type>() {
            let known = oid.and_then(|oid| self.texts.get(&oid)).map(String::as_str);
            out.append_option(known.or(other));
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish()) as ArrayRef))
    }
}
