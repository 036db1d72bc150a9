//! `FROM growth_accounting(relation, …)`: what growth is made of, period by period.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::lifecycle::{self, COMPLETE};
use super::{AS_OF, KEY, TS, UNIT, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, null};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "growth_accounting",
    parameters: &["key", "ts", "amount", "active_when", "unit", "from", "to", "born", "as_of"],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT period, active, new, retained, resurrecting, dormant, expansion, quick_ratio FROM growth_accounting(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-05T00:00:00', 10.0), (8, TIMESTAMP '2018-01-06T00:00:00', 20.0),
    (7, TIMESTAMP '2018-02-03T00:00:00', 15.0), (9, TIMESTAMP '2018-02-04T00:00:00', 5.0)) AS t(customer_id, ts, amount)),
  unit => 'month', amount => amount, as_of => TIMESTAMP '2018-02-20T00:00:00');
-- 2018-01-01T00:00:00 | 2 | 2 | 0 | 0 | 0 | 0.0 | NULL
-- 2018-02-01T00:00:00 | 2 | 1 | 1 | 0 | 1 | 5.0 | 0.5";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    let amount = call.written("amount");
    // without amounts, each customer counts as one, and nothing grows or shrinks
    let money = amount.is_some();
    let sums = call.sum_type(amount.as_ref());
    holes.insert("amount", amount.unwrap_or_else(null));
    let states = lifecycle::states(&mut call, &mut holes, &sums)?;
    let (gain, loss, last) = if money {
        (
            "new_amount + resurrected_amount + expansion",
            "churned_amount + contraction",
            "last_amount",
        )
    } else {
        ("new + resurrecting", "dormant", "retained + dormant")
    };
    call.query(
        &format!(
            "WITH {states},
sums AS (
  SELECT period,
    count(*) FILTER (WHERE state <> 'dormant') AS active,
    count(*) FILTER (WHERE state = 'new') AS new,
    count(*) FILTER (WHERE state = 'returning') AS retained,
    count(*) FILTER (WHERE state = 'resurrecting') AS resurrecting,
    count(*) FILTER (WHERE state = 'dormant') AS dormant,
    coalesce(monetary(amount) FILTER (WHERE state <> 'dormant'), {zero}) AS amount,
    coalesce(monetary(amount) FILTER (WHERE state = 'new'), {zero}) AS new_amount,
    coalesce(monetary(amount) FILTER (WHERE state = 'resurrecting'), {zero}) AS resurrected_amount,
    coalesce(monetary(greatest(amount - before, {zero})) FILTER (WHERE state = 'returning'), {zero}) AS expansion,
    coalesce(monetary(greatest(before - amount, {zero})) FILTER (WHERE state = 'returning'), {zero}) AS contraction,
    coalesce(monetary(before) FILTER (WHERE state = 'dormant'), {zero}) AS churned_amount,
    coalesce(monetary(before), {zero}) AS last_amount
  FROM states GROUP BY period)
SELECT period, active, new, retained, resurrecting, dormant, amount, new_amount, resurrected_amount,
  expansion, contraction, churned_amount,
  CAST({gain} AS DOUBLE) / nullif(CAST({loss} AS DOUBLE), 0) AS quick_ratio,
  1 - CAST({loss} AS DOUBLE) / nullif(CAST({last} AS DOUBLE), 0) AS gross_retention,
  CAST(({loss}) - (resurrecting_or_expansion) AS DOUBLE) / nullif(CAST({last} AS DOUBLE), 0) AS net_churn,
  {COMPLETE}
FROM (SELECT *, {recovered} AS resurrecting_or_expansion FROM sums) ORDER BY period OFFSET 0",
            zero = format!("CAST(0 AS {sums})"),
            recovered = if money { "resurrected_amount + expansion" } else { "resurrecting" },
        ),
        &holes,
    )
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Retention",
        &[],
        "What growth is made of, one row a period, from the states of lifecycle: active, new, retained (the state returning, which is a word of SQL), resurrecting and dormant customers (new + retained + resurrecting = active; active of the period before = retained + dormant), and of the amount: amount, new_amount, resurrected_amount, expansion and contraction (what retained customers spend more or less than in the period before) and churned_amount (what the dormant spent in it). quick_ratio is what came ((new + resurrected + expansion)) by what went (churned + contraction), gross_retention is 1 minus what went, and net_churn what went minus what resurrected and expanded, both by what there was in the period before. complete says whether the period had ended by as_of: in one that has not, who will still come counts as dormant. The ratios are of amounts if amount is given, else of customers; NULL where they would divide by nothing. Rows with a NULL time or key and rows after as_of are ignored, a NULL amount adds nothing; no rows give no rows.",
        &[
            KEY,
            TS,
            (
                "amount",
                "money of a row, summed exactly if it is DECIMAL, else as DOUBLE; without it the amounts are 0 and the ratios of customers",
            ),
            ("active_when", "a condition: which rows make a customer active; default: all"),
            UNIT,
            ("from, to, born", "as for lifecycle"),
            AS_OF,
        ],
        EXAMPLE,
    )
}
