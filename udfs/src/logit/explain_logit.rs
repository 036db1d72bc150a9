//! `explain_logit(model, features)`: what the odds of a customer are made of.
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

const NAME: &str = "explain_logit";
const PARAMS: &[Param] = &[required("model", Ty::Any), FEATURES];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(ExplainLogit::default())));

/// The function `explain_logit`.
pub fn explain_logit_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Logistic regression"),
    description = "What makes something likely or unlikely for a customer, by a model of `logit_fit`: a list of term, value and contribution, coef * value, in the order of the model with the intercept first (value 1). Added up in that order the contributions are the log-odds of `logit_predict`. NULL where that is.",
    syntax_example = "explain_logit(model, features)",
    sql_example = r#"```sql
SELECT e.term, e.value, round(e.contribution, 4) FROM (
  SELECT unnest(explain_logit({'model': 'logit', 'terms': [{'term': 'intercept', 'coef': -2.0}, {'term': 'silent', 'coef': 0.05}, {'term': 'app', 'coef': 0.4}]}, {'silent': 30, 'app': true})) AS e);
-- intercept | 1.0 | -2.0
-- silent | 30.0 | 1.5
-- app | 1.0 | 0.4
```"#,
    argument(name = "model", description = "the STRUCT of `logit_fit`"),
    argument(
        name = "features",
        description = "the features of the customer, as they were given to `logit_fit`: a STRUCT, found by name, or a list in the same order"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct ExplainLogit {
    signature: Signature,
}

impl Default for ExplainLogit {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for ExplainLogit {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = args::coerce(NAME, PARAMS, types)?;
        if let [model, features] = types.as_mut_slice() {
            terms::check_model(NAME, "logit_fit", model)?;
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
        args::answer(&args.args, terms::explanations(&mut models, "logit", rows)?)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
