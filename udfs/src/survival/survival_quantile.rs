//! `survival_quantile(model, p [, features])`: the time by which a share `p` of the customers has gone.
//!
//! NULL in any argument gives NULL. O(log n) a row for a curve of n times.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::curves::{Curves, FEATURES, MODEL, coerce};
use crate::args::{self, Param, Ty, required};

const NAME: &str = "survival_quantile";
const PARAMS: &[Param] = &[MODEL, required("p", Ty::Float), FEATURES];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(SurvivalQuantile::default())));

/// The function `survival_quantile`.
pub fn survival_quantile_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Survival"),
    description = "The time by which a share p of the customers has gone, by a model of `km_fit` or, of a customer with the given features, of `cox_fit`: the first time at which survival is 1 - p or less (within 1e-12, since it is a product). NULL if so many never went, and if an argument is NULL. 0.5 is `median_survival`.",
    syntax_example = "survival_quantile(model, p [, features])",
    sql_example = r#"```sql
SELECT survival_quantile(m, 0.25), survival_quantile(m, 0.5), survival_quantile(m, 0.9)
FROM (SELECT km_fit(days, gone) AS m FROM (VALUES (30, true), (30, true), (45, false), (60, true), (90, false), (90, false)) AS customers (days, gone));
-- 30.0 | 60.0 | NULL
```"#,
    argument(name = "model", description = "the STRUCT of `km_fit` or `cox_fit`"),
    argument(name = "p", description = "a share of the customers, above 0 and at most 1"),
    argument(
        name = "features",
        description = "for a model of `cox_fit`, the features of the customer, as they were given to it; without them, the customer whose features are the means"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct SurvivalQuantile {
    signature: Signature,
}

impl Default for SurvivalQuantile {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for SurvivalQuantile {
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
        let [model, p, features @ ..] = args.args.as_slice() else {
            return internal_err!("{NAME} needs a model and a share");
        };
        let mut curves = Curves::of(NAME, model, features.first(), args.number_rows)?;
        let shares = p.to_array(args.number_rows)?;
        let of = |(i, p): (usize, Option<f64>)| {
            let Some(p) = p else { return Ok(None) };
            if !(p > 0.0 && p <= 1.0) {
                return exec_err!("{NAME}: p must be a share above 0 and at most 1, got {p}");
            }
            Ok(curves.get(i)?.and_then(|curve| curve.quantile(p)))
        };
        let shares = shares.as_primitive::<Float64Type>().iter().enumerate();
        let out: Float64Array = shares.map(of).collect::<Result<_>>()?;
        args::answer(&args.args, Arc::new(out))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
