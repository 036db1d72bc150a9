//! `format_type(oid, modifier)`: the name of a type in SQL. The library's own knows the common ones.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use pgwire::api::Type;

use crate::server::types::names::sql_name;

/// Registers the function.
pub(super) fn register(context: &SessionContext) {
    let signature = Signature::variadic_any(Volatility::Immutable);
    context.register_udf(ScalarUDF::from(FormatType { signature }));
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FormatType {
    signature: Signature,
}

impl ScalarUDFImpl for FormatType {
    fn name(&self) -> &str {
        "format_type"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [oids, modifiers] = args.args.as_slice() else {
            return exec_err!("format_type takes the number of a type and a modifier");
        };
        let numbers = |value: &ColumnarValue| -> Result<ArrayRef> {
            Ok(cast(&value.to_array(args.number_rows)?, &DataType::Int64)?)
        };
        let (oids, modifiers) = (numbers(oids)?, numbers(modifiers)?);
        let names = oids
            .as_primitive::<Int64Type>()
            .iter()
            .zip(modifiers.as_primitive::<Int64Type>())
            .map(|(oid, modifier)| oid.map(|oid| named(oid, modifier)))
            .collect::<StringArray>();
        Ok(ColumnarValue::Array(Arc::new(names)))
    }
}

/// What PostgreSQL says, also of numbers that are no type.
fn named(oid: i64, modifier: Option<i64>) -> String {
    if oid == 0 {
        return "-".to_owned();
    }
    let modifier = modifier.and_then(|modifier| i32::try_from(modifier).ok()).unwrap_or(-1);
    match u32::try_from(oid).ok().and_then(Type::from_oid) {
        Some(pg) => sql_name(&pg, modifier),
        None => "???".to_owned(),
    }
}
