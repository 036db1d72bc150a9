//! `expected_purchases(model, horizon [, frequency, recency, t])`: how much a customer will buy.
//!
//! Without a customer it speaks of a new one, at the moment of the first purchase. NULL in any
//! argument gives NULL, as do negative figures and a recency beyond t (the last is an error under
//! `tenure.strict`). Always finite. O(1) a row: some ten to a few hundred terms of a series, an
//! integral of a few hundred nodes where the series is slow or cancels; see `core.rs`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::common::Result;
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::core::Customer;
use super::models::Role;
use super::score::{Call, Memory, ScoreFunction};
use crate::args::{Fill, Ty, option, required};

static CALLS: Overloads = Overloads {
    name: "expected_purchases",
    lead: 2,
    fields: &FIGURES,
    role: Role::Purchases,
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
    mixed: &[],
    contract: &[
        required("model", Ty::Any),
        required("horizon", Ty::Any),
        option("periods", Ty::Float, Fill::Null),
    ],
};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(ScalarUDF::from(ScoreFunction::new(&CALLS, ExpectedPurchases.doc(), score)))
});

/// The function `expected_purchases`.
pub fn expected_purchases_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "The number of purchases expected of a customer within a horizon from now on, by a fitted model of any kind but spending (`mbg_nbd_fit`, `bg_nbd_fit`, `pareto_nbd_fit`, `mbg_cnbd_fit`, `bg_bb_fit`, `sbg_fit`, `bdw_fit`); without a customer, of a new one within the horizon from the first purchase, which is not counted. Of models that count opportunities the horizon is their number; under contract expected_purchases(model, horizon, periods) are the renewals. NULL in any argument gives NULL, as do negative figures and a recency beyond t (an error under `tenure.strict`). Right to ten digits for up to a million purchases and for every parameter, 1 included. Fader, Hardie & Lee 2005; Batislam et al. 2007.",
    syntax_example = "expected_purchases(model, horizon [, frequency, recency, t]) or expected_purchases(model, horizon, summary) or expected_purchases(model, horizon, periods)",
    sql_example = r#"```sql
SELECT round(expected_purchases(named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426), 39, 2, 30.43, 38.86), 6);
-- 1.226028
SELECT round(expected_purchases(named_struct('model', 'bg_nbd', 'r', 0.242593, 'alpha', 4.413532, 'a', 0.792886, 'b', 2.425752), 39), 5);
-- 1.19502
```"#,
    argument(
        name = "model",
        description = "a fitted model: the STRUCT of a fit but `gamma_gamma_fit`"
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
#[derive(Debug)]
struct ExpectedPurchases;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let call = Call::new(&CALLS, args)?;
    let horizons = call.horizons()?;
    if args.args.len() == CALLS.lead {
        let new = Customer { x: 0.0, tx: 0.0, t: 0.0 };
        let score = |i| -> Result<Option<f64>> {
            let Some((model, unit_days)) = call.models.get(i)? else { return Ok(None) };
            let horizon = horizons.get(i, (&model, unit_days))?;
            Ok(horizon.map(|h| model.alive_now(new) * model.mean_if_alive(new, h)))
        };
        let out: Float64Array = (0..call.rows).map(score).collect::<Result<_>>()?;
        return Ok(Arc::new(out));
    }
    let mut means = Memory::of(CALLS.name);
    call.score(|i, model, c| {
        let Some(h) = horizons.get(i, model)? else { return Ok(None) };
        let mean = means.get(model.0, [h, 0.0, 0.0], c, || model.0.mean_if_alive(c, h));
        Ok(Some((model.0.alive_now(c) * mean).min(f64::MAX)))
    })
}
