//! `predicted_clv(purchase_model, spend_model, summary)`: what a customer will bring within a year.
//!
//! `clv` for 365 days without a discount, as marketing platforms show it. NULL as there. O(1) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::Overloads;
use super::clv::purchases_if_alive;
use super::horizons::DAYS_A_YEAR;
use super::models::{Any, Role};
use super::score::{Call, Memory, ScoreFunction};
use crate::args::{Ty, required};

static CALLS: Overloads = Overloads {
    name: "predicted_clv",
    lead: 2,
    fields: &["frequency", "recency", "t", "monetary_value", "revenue"],
    role: Role::Purchases,
    columns: &[
        required("purchase_model", Ty::Any),
        required("spend_model", Ty::Any),
        required("summary", Ty::Any),
    ],
    summary: &[
        required("purchase_model", Ty::Any),
        required("spend_model", Ty::Any),
        required("summary", Ty::Any),
    ],
    gapped: &[],
    mixed: &[],
    contract: &[],
};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let function = ScoreFunction::new(&CALLS, PredictedClv.doc(), score);
    Arc::new(ScalarUDF::from(function))
});

/// The function `predicted_clv`.
pub fn predicted_clv_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "What a customer will bring within the next 365 days: `clv` without a discount, under the name that marketing platforms use. NULL where `clv` is NULL. With `historic_clv` it makes `total_clv`.",
    syntax_example = "predicted_clv(purchase_model, spend_model, summary)",
    sql_example = r#"```sql
WITH models AS (SELECT named_struct('model', 'mbg_nbd', 'r', 0.52, 'alpha', 43.0, 'a', 0.89, 'b', 1.61, 'unit_days', 1) AS buys, named_struct('model', 'gamma_gamma', 'p', 6.25, 'q', 3.74, 'v', 15.44) AS spends), customer AS (SELECT customer_summary(ts, amount, TIMESTAMP '2011-03-31T00:00:00') AS summary FROM (VALUES (TIMESTAMP '2011-01-03T00:00:00', 20.0), (TIMESTAMP '2011-02-03T00:00:00', 22.5), (TIMESTAMP '2011-03-03T00:00:00', 30.0)) AS orders (ts, amount))
SELECT round(predicted_clv(buys, spends, summary), 2), round(historic_clv(summary), 2), round(total_clv(buys, spends, summary), 2) FROM models, customer;
-- 83.36 | 72.5 | 155.86
```"#,
    argument(name = "purchase_model", description = "a fitted model of purchases"),
    argument(
        name = "spend_model",
        description = "a fitted model of spending: the STRUCT of `gamma_gamma_fit`"
    ),
    argument(
        name = "summary",
        description = "the STRUCT of `customer_summary`, in the unit of the model"
    )
)]
#[derive(Debug)]
struct PredictedClv;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let call = Call::new(&CALLS, args)?;
    predicted(&call, |_, predicted| Some(predicted))
}

/// What the customers of a call will bring within 365 days, and what follows from it.
pub(crate) fn predicted(
    call: &Call<'_>,
    then: impl Fn(usize, f64) -> Option<f64>,
) -> Result<ArrayRef> {
    let spend = call.spend_models()?;
    let mut means = Memory::of(CALLS.name);
    call.score(|i, (model, unit_days), c| {
        if model.counts() {
            return exec_err!(
                "this model counts periods, which have no length; use clv_residual for it"
            );
        }
        let Some((Any::Spend(spend), _)) = spend.get(i)? else { return Ok(None) };
        let money = call.customers.figure(3, i).unwrap_or(f64::NAN);
        let Some(spend) = spend.expected(c.x, money) else { return Ok(None) };
        let mean = means.get(model, [unit_days, 0.0, 0.0], c, || {
            purchases_if_alive(model, unit_days, c, 365.0 / DAYS_A_YEAR, 0.0)
        });
        Ok(then(i, (model.alive_now(c) * mean * spend).min(f64::MAX)))
    })
}
