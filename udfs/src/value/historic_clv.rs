//! `historic_clv(summary)`: what a customer has brought so far.
//!
//! The revenue of the summary: all that was bought up to its point in time, refunds taken off. NULL
//! for NULL. O(1) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::common::Result;
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::Overloads;
use super::models::Role;
use super::score::ScoreFunction;
use crate::args::{Ty, required};

static CALLS: Overloads = Overloads {
    name: "historic_clv",
    lead: 0,
    fields: &["revenue"],
    role: Role::Purchases,
    columns: &[required("summary", Ty::Any)],
    summary: &[required("summary", Ty::Any)],
    gapped: &[],
    mixed: &[],
    contract: &[],
};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let function = ScoreFunction::new(&CALLS, HistoricClv.doc(), score);
    Arc::new(ScalarUDF::from(function))
});

/// The function `historic_clv`.
pub fn historic_clv_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "What a customer has brought so far: the revenue of the summary, everything bought up to its point in time, refunds taken off. NULL for NULL. `predicted_clv` is what follows, `total_clv` both.",
    syntax_example = "historic_clv(summary)",
    sql_example = r#"```sql
SELECT historic_clv(customer_summary(ts, amount, TIMESTAMP '2011-12-31T00:00:00')) FROM (VALUES (TIMESTAMP '2011-01-03T00:00:00', 20.0), (TIMESTAMP '2011-02-03T00:00:00', 22.5)) AS orders (ts, amount);
-- 42.5
```"#,
    argument(name = "summary", description = "the STRUCT of `customer_summary`")
)]
#[derive(Debug)]
struct HistoricClv;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let arrays: Vec<ArrayRef> =
        args.args.iter().map(|a| a.to_array(args.number_rows)).collect::<Result<_>>()?;
    let customers = CALLS.customers(&arrays)?;
    let out: Float64Array = (0..args.number_rows).map(|i| customers.figure(0, i)).collect();
    Ok(Arc::new(out))
}
