//! `clv_residual(model, discount, frequency, recency, t)`: all that a customer will ever buy, discounted.
//!
//! The number of purchases expected from now for ever, each worth less the later it is: DERT for models
//! of purchases, DERL for contracts. Times what a purchase brings it is the customer's residual value.
//! Time is continuous where the model's is: a purchase in `y` years counts `(1 + discount)^−y`. Closed
//! forms have alternating terms; the integrals are taken as they are, of positive terms. NULL as in
//! `expected_purchases`. O(1) a row, some thousand nodes for BG/NBD and MBG/NBD and ten thousand for
//! MBG/CNBD-k, remembered for customers who are alike.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::horizons::DAYS_A_YEAR;
use super::models::Role;
use super::score::{Call, Memory, ScoreFunction};
use crate::args::{Fill, Ty, option, required};

static CALLS: Overloads = Overloads {
    name: "clv_residual",
    lead: 2,
    fields: &FIGURES,
    role: Role::Purchases,
    columns: &[
        required("model", Ty::Any),
        required("discount", Ty::Float),
        required("frequency", Ty::Float),
        required("recency", Ty::Float),
        required("t", Ty::Float),
    ],
    summary: &[
        required("model", Ty::Any),
        required("discount", Ty::Float),
        required("summary", Ty::Any),
    ],
    gapped: &[
        required("model", Ty::Any),
        required("discount", Ty::Float),
        required("summary", Ty::Any),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
    ],
    mixed: &[],
    contract: &[
        required("model", Ty::Any),
        required("discount", Ty::Float),
        required("periods", Ty::Float),
    ],
};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let function = ScoreFunction::new(&CALLS, ClvResidual.doc(), score);
    Arc::new(ScalarUDF::from(function))
});

/// The function `clv_residual`.
pub fn clv_residual_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "The number of purchases expected of a customer from now for ever, each discounted by its time: the discounted expected residual transactions (DERT) of `bg_nbd_fit`, `mbg_nbd_fit`, `mbg_cnbd_fit`, `pareto_nbd_fit` and `bg_bb_fit`, the discounted expected residual lifetime (DERL) of `sbg_fit` and `bdw_fit`, which counts the renewal that is due now and all after it. Times what a purchase brings, such as `expected_spend`, it is the residual value. `discount` is by year, a year having 365.25 days, and continuous: a purchase in y years counts (1 + discount)^−y; for models that count periods or opportunities it is by one of them. It must be above 0: much of what is expected lies very far away. NULL gives NULL, as do negative figures and a recency beyond t. Of `mbg_cnbd_fit` it is a mean over rates and chances to leave, some ten thousand of them for each customer who is like no other. Fader, Hardie & Lee, Journal of Marketing Research 42 (2005); Fader & Hardie, Marketing Science 29 (2010).",
    syntax_example = "clv_residual(model, discount, frequency, recency, t) or clv_residual(model, discount, summary) or clv_residual(model, discount, periods)",
    sql_example = r#"```sql
SELECT round(clv_residual(named_struct('model', 'pareto_nbd', 'r', 0.553, 'alpha', 10.578, 's', 0.606, 'beta', 11.669, 'unit_days', 365.25 / 52), 0.15, 7, 35, 38.86), 4);
-- 20.7161
SELECT round(clv_residual(named_struct('model', 'sbg', 'alpha', 0.668, 'beta', 3.806), 0.1, 1), 4);
-- 5.9018
```"#,
    argument(name = "model", description = "a fitted model of purchases or contracts"),
    argument(
        name = "discount",
        description = "what a year (or period) takes from money: 0.1 for a tenth"
    ),
    argument(
        name = "frequency",
        description = "repeat purchases, or the STRUCT of `customer_summary` in place of the three; under contract the renewals made so far, in place of the three"
    ),
    argument(
        name = "recency",
        description = "time from the first purchase to the last, in the model's unit"
    ),
    argument(name = "t", description = "time from the first purchase to now, in the model's unit")
)]
#[derive(Debug)]
struct ClvResidual;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let call = Call::new(&CALLS, args)?;
    let discounts = call.numbers("discount")?;
    let mut residuals = Memory::of(CALLS.name);
    call.score(|i, (model, unit_days), c| {
        let discount = discounts.as_ref().filter(|d| d.is_valid(i)).map(|d| d.value(i));
        let Some(discount) = discount else { return Ok(None) };
        if !(discount > 0.0 && discount.is_finite()) {
            return exec_err!(
                "clv_residual: discount must be above 0, such as 0.1 for a tenth a year, got {discount}"
            );
        }
        let years = if model.counts() { 1.0 } else { unit_days / DAYS_A_YEAR };
        let delta = discount.ln_1p() * years;
        let residual = residuals.get(model, [unit_days, discount, 0.0], c, || {
            model.residual_if_alive(c, delta)
        });
        Ok(Some((model.alive_now(c) * residual).min(f64::MAX)))
    })
}
