//! `expected_spend(model, frequency, monetary)`: what a customer spends at a time.
//!
//! The mean of what the customer spent, drawn to that of all customers: the more so the fewer
//! purchases it is a mean of. Without a repeat purchase it is the mean of all; money is not looked at
//! then and may be NULL. NULL otherwise gives NULL, as do money that is not above 0 and a mean that
//! is not finite (`q` up to 1 without a purchase). O(1) a row; see `spend.rs` for the model.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::common::Result;
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::Overloads;
use super::models::{Any, Models, Role};
use super::score::ScoreFunction;
use crate::args::{Fill, Ty, option, required};

static CALLS: Overloads = Overloads {
    name: "expected_spend",
    lead: 1,
    fields: &["frequency", "monetary_value"],
    role: Role::Spend,
    columns: &[
        required("model", Ty::Any),
        required("frequency", Ty::Float),
        required("monetary", Ty::Float),
    ],
    summary: &[required("model", Ty::Any), required("summary", Ty::Any)],
    gapped: &[
        required("model", Ty::Any),
        required("summary", Ty::Any),
        option("monetary", Ty::Float, Fill::Null),
    ],
    mixed: &[],
    contract: &[],
};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let function = ScoreFunction::new(&CALLS, ExpectedSpend.doc(), score);
    Arc::new(ScalarUDF::from(function))
});

/// The function `expected_spend`.
pub fn expected_spend_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "What a customer is expected to spend at a time, by a model of `gamma_gamma_fit`: the mean of the purchases made, drawn to the mean of all customers, the more so the fewer they are. A customer without a repeat purchase has the mean of all, and so may stand above one who bought again for little; money is not looked at then. NULL gives NULL, as do money that is not above 0, and a mean that is not finite (q not above 1 for a customer without a purchase). The model takes what is spent at a time to be independent of how often: look at `correlation` of the model. Fader & Hardie 2013.",
    syntax_example = "expected_spend(model, frequency, monetary) or expected_spend(model, summary)",
    sql_example = r#"```sql
SELECT x, m, round(expected_spend(named_struct('model', 'gamma_gamma', 'p', 6.25, 'q', 3.74, 'v', 15.44), x, m), 4)
FROM (VALUES (2, 22.35), (1, 11.77), (0, NULL), (7, 73.74)) AS customers (x, m) ORDER BY x;
-- 0 | NULL | 35.219
-- 1 | 11.77 | 18.9169
-- 2 | 22.35 | 24.6637
-- 7 | 73.74 | 71.4697
```"#,
    argument(
        name = "model",
        description = "a fitted model of spending: the STRUCT of `gamma_gamma_fit`"
    ),
    argument(
        name = "frequency",
        description = "repeat purchases, or the STRUCT of `customer_summary` in place of the two"
    ),
    argument(
        name = "monetary",
        description = "mean money of a repeat purchase, `monetary_value` of the summary"
    )
)]
#[derive(Debug)]
struct ExpectedSpend;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let arrays: Vec<ArrayRef> =
        args.args.iter().map(|a| a.to_array(args.number_rows)).collect::<Result<_>>()?;
    let customers = CALLS.customers(&arrays)?;
    let models = match args.args.first() {
        Some(model) => Models::of(CALLS.name, CALLS.role, model)?,
        None => Models::One(None),
    };
    let score = |i| -> Result<Option<f64>> {
        let Some((Any::Spend(model), _)) = models.get(i)? else { return Ok(None) };
        let Some(x) = customers.figure(0, i) else { return Ok(None) };
        Ok(model.expected(x, customers.figure(1, i).unwrap_or(f64::NAN)))
    };
    let out: Float64Array = (0..args.number_rows).map(score).collect::<Result<_>>()?;
    Ok(Arc::new(out))
}
