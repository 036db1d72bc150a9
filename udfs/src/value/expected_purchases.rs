//! `expected_purchases(model, horizon [, frequency, recency, t])`: how much a customer will buy.
//!
//! Without a customer it speaks of a new one, at the moment of the first purchase. NULL in any
//! argument gives NULL, as do negative figures and a recency beyond t (the last is an error under
//! `tenure.strict`). Always finite. O(1) a row: some ten to a few hundred terms of a series, an
//! integral of a few hundred nodes where the series is slow or cancels; see `core.rs`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::arguments::{Horizons, Models, Overloads, legal};
use super::core::Customer;
use crate::args::{self, Fill, Ty, option, required};
use crate::settings::TenureOptions;

static CALLS: Overloads = Overloads {
    name: "expected_purchases",
    lead: 2,
    columns: &[
        required("model", Ty::Any),
        required("horizon", Ty::Any),
        option("frequency", Ty::Float, Fill::Null),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
    ],
    summary: &[
        required("model", Ty::Any),
        required("horizon", Ty::Any),
        required("summary", Ty::Any),
    ],
    gapped: &[
        required("model", Ty::Any),
        required("horizon", Ty::Any),
        required("summary", Ty::Any),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
    ],
};

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(ExpectedPurchases::default())));

/// The function `expected_purchases`.
pub fn expected_purchases_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "The number of purchases expected of a customer within a horizon from now on, by a model of `bg_nbd_fit` or `mbg_nbd_fit`; without a customer, of a new one within the horizon from the first purchase, which is not counted. NULL in any argument gives NULL, as do negative figures and a recency beyond t (an error under `tenure.strict`). Right to ten digits for up to a million purchases and for every `a`, 1 included. Fader, Hardie & Lee 2005; Batislam et al. 2007.",
    syntax_example = "expected_purchases(model, horizon [, frequency, recency, t]) or expected_purchases(model, horizon, summary)",
    sql_example = r#"```sql
SELECT round(expected_purchases(named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426), 39, 2, 30.43, 38.86), 6);
-- 1.226028
SELECT round(expected_purchases(named_struct('model', 'bg_nbd', 'r', 0.242593, 'alpha', 4.413532, 'a', 0.792886, 'b', 2.425752), 39), 5);
-- 1.19502
```"#,
    argument(
        name = "model",
        description = "a fitted model: the STRUCT of `bg_nbd_fit` or `mbg_nbd_fit`"
    ),
    argument(
        name = "horizon",
        description = "how far to look ahead: a number in the model's unit, or an INTERVAL without months"
    ),
    argument(
        name = "frequency",
        description = "repeat purchases, or the STRUCT of `customer_summary` in place of the three; left out: a new customer"
    ),
    argument(
        name = "recency",
        description = "time from the first purchase to the last, in the model's unit"
    ),
    argument(name = "t", description = "time from the first purchase to now, in the model's unit")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct ExpectedPurchases {
    signature: Signature,
}

impl Default for ExpectedPurchases {
    fn default() -> Self {
        Self { signature: CALLS.signature() }
    }
}

impl ScalarUDFImpl for ExpectedPurchases {
    fn name(&self) -> &str {
        CALLS.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = CALLS.coerce(types)?;
        let of_columns = std::ptr::eq(CALLS.params(types), CALLS.columns);
        if of_columns && !matches!(types.len(), 2 | 5) {
            return plan_err!(
                "{}: frequency, recency and t must all be given or none, or a summary in their place; it is called {}",
                CALLS.name,
                args::usage(CALLS.name, CALLS.columns)
            );
        }
        Ok(coerced)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [model, horizon, of @ ..] = args.args.as_slice() else {
            return internal_err!("expected_purchases: no arguments");
        };
        let strict = TenureOptions::of(&args.config_options).strict;
        let models = Models::of(CALLS.name, model)?;
        let horizons = Horizons::of(CALLS.name, Some(horizon))?;
        let is_new = of.is_empty();
        let customers = CALLS.customers(&super::arrays(&args)?)?;
        let score = |i| -> Result<Option<f64>> {
            let Some((model, unit_days)) = models.get(i)? else { return Ok(None) };
            let Some(horizon) = horizons.get(i, unit_days)? else { return Ok(None) };
            let customer = if is_new {
                Some(Customer { x: 0.0, tx: 0.0, t: 0.0 })
            } else {
                legal(CALLS.name, &customers, i, unit_days, strict)?
            };
            Ok(customer.map(|c| model.expected(c, horizon)))
        };
        let rows = if is_new { args.number_rows } else { customers.len() };
        let out: Float64Array = (0..rows).map(score).collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(Arc::new(out)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
