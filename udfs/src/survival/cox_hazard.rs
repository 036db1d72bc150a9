//! `cox_hazard(model, features)`: the hazard of a customer, relative to the average one.
//!
//! NULL in any argument or feature gives NULL. O(p) a row for p features.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::args::{self, Param, Ty, required};
use crate::fitting::features::{self, FEATURES};
use crate::fitting::terms::{self, Models};

const NAME: &str = "cox_hazard";
const PARAMS: &[Param] = &[required("model", Ty::Any), FEATURES];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(CoxHazard::default())));

/// The function `cox_hazard`.
pub fn cox_hazard_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Survival"),
    description = "The hazard of a customer relative to the one whose features are the means, by a model of `cox_fit`: exp(sum of coef * (feature - mean)), as lifelines has it. 2 means that at any time the customer leaves twice as likely as the average one who is still there. NULL if the model, a coefficient or a feature is NULL or a feature is not finite. Its logarithm is what `explain_cox` takes apart.",
    syntax_example = "cox_hazard(model, features)",
    sql_example = r#"```sql
SELECT round(cox_hazard(m, {'app': true, 'orders': 1}), 4), round(cox_hazard(m, [4, 0]), 4)
FROM (SELECT {'model': 'cox', 'terms': [{'term': 'orders', 'coef': -0.5, 'mean': 2.5}, {'term': 'app', 'coef': 0.3, 'mean': 0.4}]} AS m);
-- 2.5345 | 0.419
```"#,
    argument(name = "model", description = "the STRUCT of `cox_fit`"),
    argument(
        name = "features",
        description = "the features of the customer, as they were given to `cox_fit`: a STRUCT, found by name, or a list in the same order"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct CoxHazard {
    signature: Signature,
}

impl Default for CoxHazard {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for CoxHazard {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = args::coerce(NAME, PARAMS, types)?;
        if let [model, features] = types.as_mut_slice() {
            terms::check_model(NAME, "cox_fit", model)?;
            *features = features::coerce(NAME, features)?;
        }
        Ok(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [model, features] = args.args.as_slice() else {
            return internal_err!("{NAME} needs a model and features");
        };
        let rows = args.number_rows;
        let mut models = Models::of(NAME, model, &features.to_array(rows)?)?;
        let hazard = |i| Ok(models.score("cox", i)?.map(f64::exp).filter(|h| h.is_finite()));
        let out: Float64Array = (0..rows).map(hazard).collect::<Result<_>>()?;
        args::answer(&args.args, Arc::new(out))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
