//! `purchases_prob(model, purchases, horizon [, frequency, recency, t])`: the probability that a
//! customer buys exactly so often.
//!
//! Without a customer it speaks of a new one, at the moment of the first purchase. NULL in any
//! argument gives NULL, as do negative figures and a recency beyond t (the last is an error under
//! `tenure.strict`). A row takes at most as many steps as purchases, opportunities or, for MBG/CNBD-k,
//! stages; see `counts.rs` and the models for the sums.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::core::Customer;
use super::models::{Any, Role};
use super::score::{Call, ScoreFunction};
use crate::args::{Fill, Ty, option, required};

static CALLS: Overloads = Overloads {
    name: "purchases_prob",
    lead: 3,
    fields: &FIGURES,
    role: Role::Purchases,
    columns: &[
        required("model", Ty::Any),
        required("purchases", Ty::Float),
        required("horizon", Ty::Any),
        option("frequency", Ty::Float, Fill::Null),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
    ],
    summary: &[
        required("model", Ty::Any),
        required("purchases", Ty::Float),
        required("horizon", Ty::Any),
        required("summary", Ty::Any),
    ],
    gapped: &[
        required("model", Ty::Any),
        required("purchases", Ty::Float),
        required("horizon", Ty::Any),
        required("summary", Ty::Any),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
    ],
    mixed: &[],
    contract: &[
        required("model", Ty::Any),
        required("purchases", Ty::Float),
        required("horizon", Ty::Any),
        option("periods", Ty::Float, Fill::Null),
    ],
};

/// Purchases that may be asked for.
const MOST: f64 = 1e6;

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(ScalarUDF::from(ScoreFunction::new(&CALLS, PurchasesProb.doc(), score)))
});

/// The function `purchases_prob`.
pub fn purchases_prob_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "The probability that a customer makes exactly so many purchases within a horizon from now on, by a fitted model of any kind but spending (`mbg_nbd_fit`, `bg_nbd_fit`, `pareto_nbd_fit`, `mbg_cnbd_fit`, `bg_bb_fit`, `sbg_fit`, `bdw_fit`); without a customer, of a new one within the horizon from the first purchase, which is not counted. Over all numbers of purchases the probabilities add up to 1, and their mean is `expected_purchases`; of no purchase it is `churn_prob` with that horizon. Of models that count opportunities the horizon is their number; under contract purchases_prob(model, renewals, horizon, periods) is the probability of exactly so many renewals. NULL in any argument gives NULL, as do negative figures and a recency beyond t (an error under `tenure.strict`); purchases that are no whole number from 0 to a million are an error. Fader, Hardie & Lee 2005; Batislam et al. 2007.",
    syntax_example = "purchases_prob(model, purchases, horizon [, frequency, recency, t]) or purchases_prob(model, purchases, horizon, summary) or purchases_prob(model, renewals, horizon, periods)",
    sql_example = r#"```sql
SELECT n, round(purchases_prob(named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426), n, 39), 6) AS of_a_new_customer,
  round(purchases_prob(named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426), n, 39, 2, 30.43, 38.86), 6) AS of_another
FROM (VALUES (0), (1), (2)) AS t(n) ORDER BY n;
-- 0 | 0.573786 | 0.445373
-- 1 | 0.199395 | 0.239319
-- 2 | 0.08543 | 0.144183
```"#,
    argument(
        name = "model",
        description = "a fitted model: the STRUCT of a fit but `gamma_gamma_fit`"
    ),
    argument(name = "purchases", description = "how many, a whole number from 0 to 1,000,000"),
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
struct PurchasesProb;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let call = Call::new(&CALLS, args)?;
    let (horizons, purchases) = (call.horizons()?, call.numbers("purchases")?);
    let asked = |i, model: (&Any, f64)| -> Result<Option<(f64, f64)>> {
        let Some(n) = purchases.as_ref().filter(|n| n.is_valid(i)).map(|n| n.value(i)) else {
            return Ok(None);
        };
        if n.fract() != 0.0 || !(0.0..=MOST).contains(&n) {
            return exec_err!(
                "{}: argument 2 (purchases) must be a whole number from 0 to 1,000,000, got {n}",
                CALLS.name
            );
        }
        Ok(horizons.get(i, model)?.map(|h| (n, h)))
    };
    if args.args.len() == CALLS.lead {
        let new = Customer { x: 0.0, tx: 0.0, t: 0.0 };
        let score = |i| -> Result<Option<f64>> {
            let Some((model, unit_days)) = call.models.get(i)? else { return Ok(None) };
            let asked = asked(i, (&model, unit_days))?;
            Ok(asked.map(|(n, h)| model.count(new, n, h).min(1.0)))
        };
        let out: Float64Array = (0..call.rows).map(score).collect::<Result<_>>()?;
        return Ok(Arc::new(out));
    }
    call.score(|i, model, c| {
        let asked = asked(i, model)?;
        Ok(asked.map(|(n, h)| model.0.count(c, n, h).min(1.0)))
    })
}
