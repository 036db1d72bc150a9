//! `pg_typeof(x)`: what PostgreSQL calls the type of a value.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::server::types::names::sql_name;
use crate::server::types::told;

/// Registers the function.
pub(super) fn register(context: &SessionContext) {
    let signature = Signature::any(1, Volatility::Stable);
    context.register_udf(ScalarUDF::from(PgTypeof { signature }));
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PgTypeof {
    signature: Signature,
}

impl ScalarUDFImpl for PgTypeof {
    fn name(&self) -> &str {
        "pg_typeof"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(field) = args.arg_fields.first() else {
            return plan_err!("pg_typeof takes a value");
        };
        let name = sql_name(&told(field), -1);
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))))
    }
}
