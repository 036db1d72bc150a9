//! `bar(value, min, max [, width])`: a number as a bar of text.
//!
//! Any NULL gives NULL; NaN and what is not above `min` give an empty text, what is not below `max` a
//! full bar. O(width) a row. ClickHouse, `bar`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::core;
use crate::args::{self, Fill, Param, Ty, option, required};

const NAME: &str = "bar";
const PARAMS: &[Param] = &[
    required("value", Ty::Float),
    required("min", Ty::Float),
    required("max", Ty::Float),
    option("width", Ty::Int, Fill::Int(80)),
];

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(Bar::default())));

/// The function `bar`.
pub fn bar_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Charts"),
    description = "A number as a bar of text, width characters long where value is max and empty where it is min; eighths of a character are drawn. What is below min is empty, what is above max is a full bar, NaN is empty, and any NULL gives NULL. ClickHouse's bar.",
    syntax_example = "bar(value, min, max [, width])",
    sql_example = r#"```sql
SELECT step, customers, bar(customers, 0, 1000, 20) FROM (VALUES (1, 'visit', 1000), (2, 'cart', 430), (3, 'purchase', 95)) AS t(n, step, customers) ORDER BY n;
-- visit | 1000 | ████████████████████
-- cart | 430 | ████████▌
-- purchase | 95 | █▉
```"#,
    argument(name = "value", description = "a number"),
    argument(name = "min", description = "the number that has no bar"),
    argument(name = "max", description = "the number that has a full bar, not less than min"),
    argument(name = "width", description = "characters of a full bar, 1 to 1000; default: 80")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bar {
    signature: Signature,
}

impl Default for Bar {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for Bar {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(NAME, PARAMS, types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn simplify(&self, given: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        args::complete_scalar(PARAMS, given, info, |full| bar_udf().call(full))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let [value, min, max, width] = arrays.as_slice() else {
            return internal_err!("{NAME} needs value, min, max and width");
        };
        let [value, min, max] = [value, min, max].map(|a| a.as_primitive::<Float64Type>());
        let width = width.as_primitive::<Int64Type>();
        let mut out = StringBuilder::new();
        let mut text = String::new();
        for (((value, min), max), width) in value.iter().zip(min).zip(max).zip(width) {
            let (Some(value), Some(min), Some(max), Some(width)) = (value, min, max, width) else {
                out.append_null();
                continue;
            };
            if min > max {
                return exec_err!("{NAME}: min must not be greater than max, got {min} and {max}");
            }
            let width = match u32::try_from(width) {
                Ok(width @ 1..=1000) => f64::from(width),
                _ => return exec_err!("{NAME}: width must be 1 to 1000 characters, got {width}"),
            };
            text.clear();
            core::bar(value, min, max, width, &mut text);
            out.append_value(&text);
        }
        args::answer(&call.args, Arc::new(out.finish()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
