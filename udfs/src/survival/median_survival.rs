//! `median_survival(model [, features])`: the time by which half of the customers have gone.
//!
//! NULL in any argument gives NULL. O(log n) a row for a curve of n times.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::curves::{Curves, FEATURES, MODEL, coerce};
use crate::args::{self, Param};

const NAME: &str = "median_survival";
const PARAMS: &[Param] = &[MODEL, FEATURES];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(MedianSurvival::default())));

/// The function `median_survival`.
pub fn median_survival_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Survival"),
    description = "The time by which half of the customers have gone, by a model of `km_fit` or, of a customer with the given features, of `cox_fit`: the first time at which survival is 0.5 or less (within 1e-12, since it is a product). NULL if half of them never went, and if the model is NULL. For other shares see `survival_quantile`.",
    syntax_example = "median_survival(model [, features])",
    sql_example = r#"```sql
SELECT plan, median_survival(km_fit(days, gone)) FROM (VALUES
  ('free', 30, true), ('free', 30, true), ('free', 45, false), ('free', 60, true), ('pro', 90, false), ('pro', 20, true), ('pro', 95, false)) AS customers (plan, days, gone)
GROUP BY plan ORDER BY plan;
-- free | 30.0
-- pro | NULL
```"#,
    argument(name = "model", description = "the STRUCT of `km_fit` or `cox_fit`"),
    argument(
        name = "features",
        description = "for a model of `cox_fit`, the features of the customer, as they were given to it; without them, the customer whose features are the means"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct MedianSurvival {
    signature: Signature,
}

impl Default for MedianSurvival {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for MedianSurvival {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = args::coerce(NAME, PARAMS, types)?;
        coerce(NAME, PARAMS, &mut types)?;
        Ok(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [model, features @ ..] = args.args.as_slice() else {
            return internal_err!("{NAME} needs a model");
        };
        let mut curves = Curves::of(NAME, model, features.first(), args.number_rows)?;
        let half = |i| Ok(curves.get(i)?.and_then(|curve| curve.quantile(0.5)));
        let out: Float64Array = (0..args.number_rows).map(half).collect::<Result<_>>()?;
        args::answer(&args.args, Arc::new(out))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
