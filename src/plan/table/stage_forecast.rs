//! `FROM stage_forecast(relation, …)`: how many customers will be at each stage.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::{info, stage_history};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, int};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "stage_forecast",
    parameters: &[
        "key",
        "ts",
        "purchase_when",
        "activated_when",
        "every",
        "policy",
        "from",
        "as_of",
        "periods",
    ],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT ahead, stage, customers FROM stage_forecast(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-05T09:00:00'), (7, TIMESTAMP '2018-02-20T09:00:00'), (7, TIMESTAMP '2018-04-10T09:00:00'),
    (8, TIMESTAMP '2018-05-05T09:00:00')) AS t(customer_id, ts)),
  periods => 1, as_of => TIMESTAMP '2018-08-01T00:00:00');
-- 0 | active | 1.0
-- 0 | at_risk | 1.0
-- 0 | new | 0.0
-- 1 | active | 0.8333333333333334
-- 1 | at_risk | 1.1666666666666667
-- 1 | new | 0.0";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("periods", int(call.int("periods", 6, 1)?));
    let visits = stage_history::visits(&mut call, &mut holes)?;
    // counts of moves and of who is where now come from one reading of the visits
    call.query(
        &format!(
            "WITH {visits},
counts AS (
  SELECT stage, CASE WHEN period_start(next_at, $unit) = next_at THEN next_stage END AS to_stage,
    CASE WHEN next_at IS NULL THEN true END AS is_last, count(*) AS n
  FROM visits GROUP BY 1, 2, 3),
lists AS (
  SELECT array_agg(stage ORDER BY stage, to_stage) FILTER (WHERE to_stage IS NOT NULL) AS from_stages,
    array_agg(to_stage ORDER BY stage, to_stage) FILTER (WHERE to_stage IS NOT NULL) AS to_stages,
    array_agg(n ORDER BY stage, to_stage) FILTER (WHERE to_stage IS NOT NULL) AS moves,
    array_agg(stage ORDER BY stage) FILTER (WHERE is_last) AS stages,
    array_agg(n ORDER BY stage) FILTER (WHERE is_last) AS stock
  FROM counts),
forecasts AS (
  SELECT unnest(markov_forecast(coalesce(from_stages, CAST([] AS VARCHAR[])), coalesce(to_stages, CAST([] AS VARCHAR[])),
    coalesce(moves, CAST([] AS BIGINT[])), stages, stock, $periods)) AS f
  FROM lists)
SELECT f['ahead'] AS ahead, f['state'] AS stage, f['expected'] AS customers
FROM forecasts ORDER BY ahead, stage OFFSET 0"
        ),
        &holes,
    )
}

fn documentation() -> FunctionInfo {
    let mut arguments = stage_history::ARGUMENTS.to_vec();
    arguments.push(("periods", "how many periods ahead; default 6"));
    info(
        &FUNCTION,
        "Stage",
        &[],
        "How many customers will be at each stage if they go on as they did: one row a period and stage with ahead (0 is now, the stages at as_of), stage and customers, in this order. It is a Markov chain of the shares of stage_transitions: in each period as many of those at a stage go to another as did on average since from. Customers that will come are not in it: the sum of each period is that of now. A stage that nobody was ever seen at for a whole period is stayed at. No rows give no rows. Memory: as stage_history.",
        &arguments,
        EXAMPLE,
    )
}
