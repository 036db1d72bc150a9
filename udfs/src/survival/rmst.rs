//! `rmst(model, t [, features])`: the mean time that customers stay until `t` (restricted mean survival time).
//!
//! NULL in any argument gives NULL. O(n) a row for a curve of n times.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::curves::{Curves, FEATURES, MODEL, coerce, times};
use crate::args::{self, Param, Ty, required};
use crate::fitting::durations;

const NAME: &str = "rmst";
const PARAMS: &[Param] = &[MODEL, required("t", Ty::Any), FEATURES];

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(Rmst::default())));

/// The function `rmst`.
pub fn rmst_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Survival"),
    description = "The mean time that customers stay within the first t of it, by a model of `km_fit` or, of a customer with the given features, of `cox_fit`: the area under the curve of survival until t (restricted mean survival time). Of two groups it says in days what one gains on the other, also where no median is reached. NULL beyond the longest duration that was observed, unless survival is 0 there; NULL if an argument is NULL, 0 for a t not above 0.",
    syntax_example = "rmst(model, t [, features])",
    sql_example = r#"```sql
SELECT round(rmst(m, 60), 4), round(rmst(m, INTERVAL '90 days'), 4)
FROM (SELECT km_fit(days, gone) AS m FROM (VALUES (30, true), (30, true), (45, false), (60, true), (90, false), (90, false)) AS customers (days, gone));
-- 50.0 | 63.3333
```"#,
    argument(name = "model", description = "the STRUCT of `km_fit` or `cox_fit`"),
    argument(
        name = "t",
        description = "a time since the start: a number in the unit of the durations, or an INTERVAL, which is told in days"
    ),
    argument(
        name = "features",
        description = "for a model of `cox_fit`, the features of the customer, as they were given to it; without them, the customer whose features are the means"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct Rmst {
    signature: Signature,
}

impl Default for Rmst {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for Rmst {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = args::coerce(NAME, PARAMS, types)?;
        coerce(NAME, PARAMS, &mut types)?;
        if let Some(t) = types.get_mut(1) {
            *t = durations::coerce(NAME, "t", t)?;
        }
        Ok(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [model, t, features @ ..] = args.args.as_slice() else {
            return internal_err!("{NAME} needs a model and a time");
        };
        let mut curves = Curves::of(NAME, model, features.first(), args.number_rows)?;
        let times = times(NAME, "t", t, args.number_rows)?;
        let of = |(i, t): (usize, Option<f64>)| {
            let curve = curves.get(i)?;
            Ok(curve.zip(t).and_then(|(curve, t)| curve.mean_until(t.max(0.0))))
        };
        let out: Float64Array = times.iter().enumerate().map(of).collect::<Result<_>>()?;
        args::answer(&args.args, Arc::new(out))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
