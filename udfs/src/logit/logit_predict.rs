//! `logit_predict(model, features)`: how likely it is that something happens.
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

const NAME: &str = "logit_predict";
const PARAMS: &[Param] = &[required("model", Ty::Any), FEATURES];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(LogitPredict::default())));

/// The function `logit_predict`.
pub fn logit_predict_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Logistic regression"),
    description = "How likely it is that something happens to a customer, by a model of `logit_fit`. NULL if the model, a coefficient or a feature is NULL or a feature is not finite. Its log-odds are what `explain_logit` takes apart.",
    syntax_example = "logit_predict(model, features)",
    sql_example = r#"```sql
SELECT round(logit_predict(m, {'silent': 30, 'app': false}), 4), round(logit_predict(m, [60, 1]), 4)
FROM (SELECT {'model': 'logit', 'terms': [{'term': 'intercept', 'coef': -2.0}, {'term': 'silent', 'coef': 0.05}, {'term': 'app', 'coef': 0.4}]} AS m);
-- 0.3775 | 0.8022
```"#,
    argument(name = "model", description = "the STRUCT of `logit_fit`"),
    argument(
        name = "features",
        description = "the features of the customer, as they were given to `logit_fit`: a STRUCT, found by name, or a list in the same order"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct LogitPredict {
    signature: Signature,
}

impl Default for LogitPredict {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for LogitPredict {
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
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [model, features] = args.args.as_slice() else {
            return internal_err!("{NAME} needs a model and features");
        };
        let rows = args.number_rows;
        let mut models = Models::of(NAME, model, &features.to_array(rows)?)?;
        let chance = |i| Ok(models.score("logit", i)?.map(|z| 1.0 / (1.0 + (-z).exp())));
        let out: Float64Array = (0..rows).map(chance).collect::<Result<_>>()?;
        args::answer(&args.args, Arc::new(out))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
