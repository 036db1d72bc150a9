//! `spark(list [, min, max])`: a list of numbers as a line of small columns.
//!
//! A NULL list gives NULL, an empty one an empty text; NULL, NaN and infinite numbers are spaces. A
//! column has one of eight heights, the nearest. O(n) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::core;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::lists::item;

const NAME: &str = "spark";
const PARAMS: &[Param] = &[
    required("list", Ty::Any),
    option("min", Ty::Float, Fill::Null),
    option("max", Ty::Float, Fill::Null),
];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(Spark::default())));

/// The function `spark`.
pub fn spark_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Charts"),
    description = "A list of numbers as a line of small columns, one character each, from the least number to the greatest. min and max set the limits instead: spark(list, 0) begins at nothing, and equal limits make lines comparable. What lies beyond a limit is drawn at it; NULL, NaN and infinite numbers are spaces; numbers that are all equal are half high. A NULL list gives NULL.",
    syntax_example = "spark(list [, min, max])",
    sql_example = r#"```sql
SELECT spark([1, 2, 3, 5, 8, 13, NULL, 4]), spark([10, 11, 12]), spark([10, 11, 12], 0);
-- ▁▂▂▃▅█ ▃ | ▁▅█ | ▇▇█
```"#,
    argument(name = "list", description = "a list of numbers"),
    argument(name = "min", description = "the lowest number; default: the least of the list"),
    argument(name = "max", description = "the highest number; default: the greatest of the list")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct Spark {
    signature: Signature,
}

impl Default for Spark {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for Spark {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        use DataType as D;
        let mut out = args::coerce(NAME, PARAMS, types)?;
        if let (Some(to), Some(from)) = (out.first_mut(), types.first()) {
            *to = match from {
                D::Null => D::List(item(&D::Float64)),
                D::List(i) | D::LargeList(i) | D::FixedSizeList(i, _)
                    if i.data_type().is_numeric() || i.data_type() == &D::Null =>
                {
                    D::List(item(&D::Float64))
                }
                _ => {
                    return plan_err!(
                        "{NAME}: argument 1 (list) must be a list of numbers, got {from}; it is called {}",
                        args::usage(NAME, PARAMS)
                    );
                }
            };
        }
        Ok(out)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn simplify(&self, given: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        args::complete_scalar(PARAMS, given, info, |full| spark_udf().call(full))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let [lists, min, max] = arrays.as_slice() else {
            return internal_err!("{NAME} needs list, min and max");
        };
        let lists = lists.as_list::<i32>();
        let limits =
            min.as_primitive::<Float64Type>().iter().zip(max.as_primitive::<Float64Type>());
        let mut out = StringBuilder::new();
        let mut text = String::new();
        for (list, (min, max)) in lists.iter().zip(limits) {
            let Some(list) = list else {
                out.append_null();
                continue;
            };
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                return exec_err!("{NAME}: min must not be greater than max, got {min} and {max}");
            }
            text.clear();
            core::spark(list.as_primitive::<Float64Type>().iter(), min, max, &mut text);
            out.append_value(&text);
        }
        args::answer(&call.args, Arc::new(out.finish()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
