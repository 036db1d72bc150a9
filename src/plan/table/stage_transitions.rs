//! `FROM stage_transitions(relation, …)`: from which stage customers go to which, period by period.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::{info, stage_history};
use crate::engine::FunctionInfo;
use crate::plan::query::Holes;
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "stage_transitions",
    parameters: stage_history::FUNCTION.parameters,
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT from_stage, to_stage, n, p, median_days FROM stage_transitions(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-05T09:00:00'), (7, TIMESTAMP '2018-02-20T09:00:00'), (7, TIMESTAMP '2018-04-10T09:00:00'),
    (8, TIMESTAMP '2018-03-05T09:00:00')) AS t(customer_id, ts)),
  as_of => TIMESTAMP '2018-08-15T00:00:00');
-- active | active | 5 | 0.7142857142857143 | NULL
-- active | at_risk | 2 | 0.2857142857142857 | 107.0
-- at_risk | at_risk | 1 | 1.0 | NULL
-- new | active | 2 | 1.0 | 29.0";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    let visits = stage_history::visits(&mut call, &mut holes)?;
    call.query(
        &format!(
            "WITH {visits},
moves AS (
  SELECT stage AS from_stage, next_stage AS to_stage, count(*) AS n,
    median(CASE WHEN stage <> next_stage THEN (date_part('epoch', next_at) - date_part('epoch', entered_at)) / 86400 END) AS median_days
  FROM visits WHERE period_start(next_at, $unit) = next_at
  GROUP BY stage, next_stage)
SELECT from_stage, to_stage, n, CAST(n AS DOUBLE) / sum(n) OVER (PARTITION BY from_stage) AS p, median_days
FROM moves ORDER BY from_stage, to_stage OFFSET 0"
        ),
        &holes,
    )
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Stage",
        &[],
        "From which stage customers go to which in a period: one row a pair with from_stage, to_stage, n (customers and periods; who stays is told, too), p (of all that were at from_stage at the start of a period) and median_days (from entering from_stage to leaving it for to_stage; NULL for who stays), in this order. The p of a stage add up to 1. Stages are those of stage_history at the start of each period; the period that is not over at as_of is left out. A visit that began before from counts from there. Rows with a NULL time or key and rows after as_of are ignored; no rows, or not one whole period, give no rows. Memory: as stage_history.",
        &stage_history::ARGUMENTS,
        EXAMPLE,
    )
}
