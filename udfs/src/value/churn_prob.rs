//! `churn_prob(model, frequency, recency, t [, horizon])`: the probability that a customer is gone.
//!
//! Without horizon it is `1 − p_alive`: gone for good. With one it is the probability of no purchase
//! within it, which is greater: who is alive may be silent. NULL figures, negative ones and a recency
//! beyond t give NULL (the last is an error under `tenure.strict`); a NULL horizon is none. O(1) a
//! row; see `core.rs` for the models and their sources.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::models::Role;
use super::score::{Call, ScoreFunction};
use crate::args::{Fill, Ty, option, required};

static CALLS: Overloads = Overloads {
    name: "churn_prob",
    lead: 1,
    fields: &FIGURES,
    role: Role::Purchases,
    columns: &[
        required("model", Ty::Any),
        required("frequency", Ty::Float),
        required("recency", Ty::Float),
        required("t", Ty::Float),
        option("horizon", Ty::Any, Fill::Null),
    ],
    summary: &[
        required("model", Ty::Any),
        required("summary", Ty::Any),
        option("horizon", Ty::Any, Fill::Null),
    ],
    gapped: &[
        required("model", Ty::Any),
        required("summary", Ty::Any),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
        option("horizon", Ty::Any, Fill::Null),
    ],
    mixed: &[],
    contract: &[
        required("model", Ty::Any),
        required("periods", Ty::Float),
        option("horizon", Ty::Any, Fill::Null),
    ],
};

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(ScoreFunction::new(&CALLS, ChurnProb.doc(), score))));

/// The function `churn_prob`.
pub fn churn_prob_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "The probability that a customer is gone, by a fitted model of any kind but spending (`mbg_nbd_fit`, `bg_nbd_fit`, `pareto_nbd_fit`, `mbg_cnbd_fit`, `bg_bb_fit`, `sbg_fit`, `bdw_fit`). Without horizon: gone for good, 1 − `p_alive`. With a horizon: the probability of no purchase within that time from now on, which is greater, since a customer who is alive may be silent. Under contract churn_prob(model, periods, horizon) is the probability that somebody who has renewed so many times leaves within so many more periods, 1 − S(n + h) / S(n); without horizon it is 1. NULL in an argument other than horizon gives NULL, as do negative figures and a recency beyond t (an error under `tenure.strict`). Without a model at hand see `churn_score`. Fader, Hardie & Lee 2005; Batislam et al. 2007.",
    syntax_example = "churn_prob(model, frequency, recency, t [, horizon]) or churn_prob(model, summary [, horizon]) or churn_prob(model, periods [, horizon])",
    sql_example = r#"```sql
SELECT round(churn_prob(named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426), 2, 30.43, 38.86), 6);
-- 0.273421
SELECT round(churn_prob(named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426), 2, 30.43, 38.86, 39), 6);
-- 0.445373
SELECT round(churn_prob(named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426, 'unit_days', 7), 2, 30.43, 38.86, INTERVAL '273 days'), 6);
-- 0.445373
```"#,
    argument(
        name = "model",
        description = "a fitted model: the STRUCT of a fit but `gamma_gamma_fit`"
    ),
    argument(
        name = "frequency",
        description = "repeat purchases, or the STRUCT of `customer_summary` in place of the three"
    ),
    argument(
        name = "recency",
        description = "time from the first purchase to the last, in the model's unit"
    ),
    argument(name = "t", description = "time from the first purchase to now, in the model's unit"),
    argument(
        name = "horizon",
        description = "how far to look ahead: a number in the model's unit, or an INTERVAL without months; default: for ever"
    )
)]
#[derive(Debug)]
struct ChurnProb;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let call = Call::new(&CALLS, args)?;
    let horizons = call.horizons()?;
    call.score(|i, model, c| Ok(Some(model.0.churn(c, horizons.get(i, model)?))))
}
