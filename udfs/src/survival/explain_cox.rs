//! `explain_cox(model, features)`: what the hazard of a customer is made of.
//!
//! NULL in any argument or feature gives NULL. O(p) a row for p features.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::args::{self, Param, Ty, required};
use crate::fitting::features::{self, FEATURES};
use crate::fitting::terms::{self, Models};

const NAME: &str = "explain_cox";
const PARAMS: &[Param] = &[required("model", Ty::Any), FEATURES];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(ExplainCox::default())));

/// The function `explain_cox`.
pub fn explain_cox_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Survival"),
    description = "What makes the hazard of a customer higher or lower than the average, by a model of `cox_fit`: a list of term, value and contribution, coef * (value - mean), in the order of the model. Added up in that order the contributions are the logarithm of `cox_hazard`. NULL where that is.",
    syntax_example = "explain_cox(model, features)",
    sql_example = r#"```sql
SELECT e.term, e.value, round(e.contribution, 4) FROM (
  SELECT unnest(explain_cox({'model': 'cox', 'terms': [{'term': 'orders', 'coef': -0.5, 'mean': 2.5}, {'term': 'app', 'coef': 0.3, 'mean': 0.4}]}, {'orders': 1, 'app': true})) AS e);
-- orders | 1.0 | 0.75
-- app | 1.0 | 0.18
```"#,
    argument(name = "model", description = "the STRUCT of `cox_fit`"),
    argument(
        name = "features",
        description = "the features of the customer, as they were given to `cox_fit`: a STRUCT, found by name, or a list in the same order"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct ExplainCox {
    signature: Signature,
}

impl Default for ExplainCox {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for ExplainCox {
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
        Ok(terms::explanation())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [model, features] = args.args.as_slice() else {
            return internal_err!("{NAME} needs a model and features");
        };
        let rows = args.number_rows;
        let mut models = Models::of(NAME, model, &features.to_array(rows)?)?;
        args::answer(&args.args, terms::explanations(&mut models, "cox", rows)?)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
