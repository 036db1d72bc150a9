//! `require_finite(value)`: the value, or an error where it is NaN or infinite.
//!
//! NULL stays NULL. With `tenure.strict` every amount given to Tenure's functions goes through it;
//! without, they take such amounts as unknown. O(1) a row, no memory.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::args::{self, Param, Ty, required};

const PARAMS: &[Param] = &[required("value", Ty::Float)];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(RequireFinite::default())));

/// The function `require_finite`.
pub(crate) fn require_finite_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Checks"),
    description = "The value as it is, and an error with the number of rows where it is NaN or infinite. NULL stays NULL. With tenure.strict every amount that is given to Tenure's aggregate functions goes through it; without, they take such amounts as unknown. No memory, no time zone, no order.",
    syntax_example = "require_finite(value)",
    sql_example = r#"```sql
SELECT require_finite(12.5), require_finite(NULL);
-- 12.5 | NULL
```"#,
    argument(name = "value", description = "a number, such as an amount of money")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct RequireFinite {
    signature: Signature,
}

impl Default for RequireFinite {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for RequireFinite {
    fn name(&self) -> &str {
        "require_finite"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(self.name(), PARAMS, types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bad = match args.args.first() {
            Some(ColumnarValue::Array(values)) => values
                .as_primitive::<Float64Type>()
                .iter()
                .flatten()
                .filter(|v| !v.is_finite())
                .count(),
            Some(ColumnarValue::Scalar(ScalarValue::Float64(Some(v)))) => {
                usize::from(!v.is_finite())
            }
            _ => 0,
        };
        match args.args.into_iter().next() {
            Some(value) if bad == 0 => Ok(value),
            _ => exec_err!(
                "an amount is NaN or infinite in {bad} rows of a batch, and tenure.strict is on; leave them out with WHERE, or SET tenure.strict = false to take them as unknown"
            ),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const NAN: &str = "(VALUES (TIMESTAMP '2011-01-01', CAST('NaN' AS DOUBLE)), (TIMESTAMP '2011-01-02', 2.0)) AS t(ts, v)";

    #[tokio::test]
    async fn strict_refuses_what_is_otherwise_unknown() -> Result<()> {
        let ctx = testing::session(2, 8192)?;
        for sql in [
            format!("SELECT monetary(v) FROM {NAN}"),
            format!("SELECT customer_summary(ts, v) FROM {NAN}"),
            format!("SELECT turning_points(ts, 'purchase', v) FROM {NAN}"),
            format!("SELECT change_points(ts, v) FROM {NAN}"),
        ] {
            ctx.sql("SET tenure.strict = false").await?;
            testing::run(&ctx, &sql).await?;
            ctx.sql("SET tenure.strict = true").await?;
            let e = testing::run(&ctx, &sql).await.unwrap_err().to_string();
            assert!(e.contains("1 rows of a batch"), "{sql}: {e}");
        }
        Ok(())
    }
}
