//! `normal_cdf(z)`: the distribution function of the standard normal distribution.
//!
//! Relative error below 1e-12 also far out on the left, where p-values are; for a two-sided test
//! write `2 * normal_cdf(-abs(z))`. NULL gives NULL, NaN gives NaN. O(1) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::args::{self, Param, Ty, required};
use crate::rhythm::erfc;

const NAME: &str = "normal_cdf";
const PARAMS: &[Param] = &[required("z", Ty::Float)];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(NormalCdf::default())));

/// The function `normal_cdf`.
pub fn normal_cdf_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

fn normal_cdf(z: f64) -> f64 {
    let tail = 0.5 * erfc(z.abs() / std::f64::consts::SQRT_2);
    if z.is_nan() {
        z
    } else if z < 0.0 {
        tail
    } else {
        1.0 - tail
    }
}

#[user_doc(
    doc_section(label = "Statistics"),
    description = "How likely a standard normal value is at most z. The p-value of a two-sided test is 2 * normal_cdf(-abs(z)), exact also where it is tiny. NULL gives NULL, NaN gives NaN.",
    syntax_example = "normal_cdf(z)",
    sql_example = r#"```sql
SELECT round(normal_cdf(1.96), 4), normal_cdf(0.0);
-- 0.975 | 0.5
```"#,
    argument(name = "z", description = "a number, in standard deviations from the mean")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct NormalCdf {
    signature: Signature,
}

impl Default for NormalCdf {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for NormalCdf {
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
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match call.args.as_slice() {
            [ColumnarValue::Scalar(ScalarValue::Float64(z))] => {
                Ok(ColumnarValue::Scalar(ScalarValue::Float64(z.map(normal_cdf))))
            }
            [ColumnarValue::Array(z)] => {
                let z = z.as_primitive::<Float64Type>();
                let p: Float64Array = z.unary(normal_cdf);
                Ok(ColumnarValue::Array(Arc::new(p)))
            }
            _ => internal_err!("{NAME} takes one DOUBLE"),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::value;

    #[test]
    fn it_is_that_of_the_tables() {
        for (z, want) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.0, 0.158_655_253_931_457_05),
            (-1.959_963_984_540_054, 0.025),
            (3.0, 0.998_650_101_968_369_9),
            (-6.0, 9.865_876_450_376_98e-10),
            (-20.0, 2.753_624_118_606_233_7e-89),
            (f64::NEG_INFINITY, 0.0),
            (f64::INFINITY, 1.0),
        ] {
            let got = normal_cdf(z);
            assert!((got - want).abs() <= 1e-12 * want, "{z}: {got}");
        }
        assert!(normal_cdf(f64::NAN).is_nan());
    }

    #[tokio::test]
    async fn rows_and_constants() -> Result<()> {
        assert_eq!(value("SELECT normal_cdf(NULL) IS NULL").await?, "true");
        assert_eq!(
            value("SELECT array_agg(normal_cdf(z) ORDER BY z) FROM (VALUES (0), (NULL), (100)) AS t(z)")
                .await?,
            "[0.5, 1.0, ]"
        );
        let said = value("SELECT normal_cdf('a')").await.unwrap_err().to_string();
        assert!(said.contains("normal_cdf: argument 1 (z) must be a number"), "{said}");
        Ok(())
    }
}
