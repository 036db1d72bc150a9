//! `p_alive(model, frequency, recency, t)`: the probability that a customer has not left for good.
//!
//! NULL in any argument, negative or non-finite figures and a recency beyond t give NULL (the last
//! is an error under `tenure.strict`). O(1) a row; see the file of each
//! model for its source.

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
    name: "p_alive",
    lead: 1,
    fields: &FIGURES,
    role: Role::Purchases,
    columns: &[
        required("model", Ty::Any),
        required("frequency", Ty::Float),
        required("recency", Ty::Float),
        required("t", Ty::Float),
    ],
    summary: &[required("model", Ty::Any), required("summary", Ty::Any)],
    gapped: &[
        required("model", Ty::Any),
        required("summary", Ty::Any),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
    ],
    mixed: &[],
    contract: &[required("model", Ty::Any), required("periods", Ty::Float)],
};

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(ScoreFunction::new(&CALLS, PAlive.doc(), score))));

/// The function `p_alive`.
pub fn p_alive_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "The probability that a customer has not left for good, by a fitted model of any kind but spending (`mbg_nbd_fit`, `bg_nbd_fit`, `pareto_nbd_fit`, `mbg_cnbd_fit`, `bg_bb_fit`, `sbg_fit`, `bdw_fit`). It is not the probability of a purchase within some time: for that see `churn_prob` with a horizon. Two properties of the models surprise: in BG/NBD a customer without repeat purchase is alive with probability 1, since it lets nobody leave before the first repeat (MBG/NBD does); and after the same silence a customer who used to buy often is less likely alive than one who bought rarely. In BG/BB it is the probability to be there still at the next opportunity. Under contract, where it is known who is a customer, p_alive(model, periods) is the share of a cohort that survives so many renewals. NULL in any argument gives NULL, as do negative figures and a recency beyond t (an error under `tenure.strict`). Fader, Hardie & Lee 2005; Batislam et al. 2007.",
    syntax_example = "p_alive(model, frequency, recency, t) or p_alive(model, summary) or p_alive(model, periods)",
    sql_example = r#"```sql
SELECT round(p_alive(named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426), 2, 30.43, 38.86), 6);
-- 0.726579
SELECT round(p_alive(named_struct('model', 'mbg_nbd', 'r', 0.525, 'alpha', 6.183, 'a', 0.891, 'b', 1.614), 0, 0, 38.86), 4);
-- 0.3897
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
    argument(name = "t", description = "time from the first purchase to now, in the model's unit")
)]
#[derive(Debug)]
struct PAlive;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    Call::new(&CALLS, args)?.score(|_, (model, _), c| Ok(Some(model.p_alive(c))))
}
