//! `total_clv(purchase_model, spend_model, summary)`: what a customer has brought and will bring.
//!
//! `historic_clv` and `predicted_clv` together. NULL where one of them is. O(1) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::Overloads;
use super::models::Role;
use super::predicted_clv::predicted;
use super::score::{Call, ScoreFunction};
use crate::args::{Ty, required};

static CALLS: Overloads = Overloads {
    name: "total_clv",
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
    let function = ScoreFunction::new(&CALLS, TotalClv.doc(), score);
    Arc::new(ScalarUDF::from(function))
});

/// The function `total_clv`.
pub fn total_clv_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "What a customer has brought so far and will bring within the next 365 days: `historic_clv` and `predicted_clv` together. NULL where one of them is.",
    syntax_example = "total_clv(purchase_model, spend_model, summary)",
    sql_example = r#"```sql
WITH models AS (SELECT named_struct('model', 'mbg_nbd', 'r', 0.52, 'alpha', 43.0, 'a', 0.89, 'b', 1.61, 'unit_days', 1) AS buys, named_struct('model', 'gamma_gamma', 'p', 6.25, 'q', 3.74, 'v', 15.44) AS spends), customer AS (SELECT customer_summary(ts, amount, TIMESTAMP '2011-03-31T00:00:00') AS summary FROM (VALUES (TIMESTAMP '2011-01-03T00:00:00', 20.0), (TIMESTAMP '2011-02-03T00:00:00', 22.5), (TIMESTAMP '2011-03-03T00:00:00', 30.0)) AS orders (ts, amount))
SELECT round(total_clv(buys, spends, summary), 2), total_clv(buys, spends, summary) = historic_clv(summary) + predicted_clv(buys, spends, summary) FROM models, customer;
-- 155.86 | true
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
struct TotalClv;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let call = Call::new(&CALLS, args)?;
    predicted(&call, |i, predicted| Some(call.customers.figure(4, i)? + predicted))
}
