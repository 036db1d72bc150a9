//! `FROM stage_history(relation, …)`: the stages of customers, one row for each visit to one.
//!
//! The life of each customer is replayed: at each point of a grid only the events up to it are known.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::{AS_OF, KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, text};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "stage_history",
    parameters: &[
        "key",
        "ts",
        "purchase_when",
        "activated_when",
        "every",
        "policy",
        "from",
        "as_of",
    ],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT key, stage, entered_at, left_at, days, previous_stage FROM stage_history(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-05T09:00:00', 'signup'), (7, TIMESTAMP '2018-02-20T09:00:00', 'purchase'),
    (7, TIMESTAMP '2018-04-10T09:00:00', 'purchase')) AS t(customer_id, ts, event_type)),
  as_of => TIMESTAMP '2018-08-15T00:00:00');
-- 7 | prospect | 2018-02-01T00:00:00 | 2018-03-01T00:00:00 | 28.0 | NULL
-- 7 | new | 2018-03-01T00:00:00 | 2018-04-01T00:00:00 | 31.0 | prospect
-- 7 | active | 2018-04-01T00:00:00 | 2018-08-01T00:00:00 | 122.0 | new
-- 7 | at_risk | 2018-08-01T00:00:00 | NULL | 14.0 | active";

/// The CTEs up to `visits(key, at, next_at, stage, next_stage, previous_stage, entered_at, reason,
/// enters)`: a row for each customer and point of the grid; `enters` where a visit begins.
pub(super) fn visits(call: &mut Call<'_>, holes: &mut Holes) -> Result<String> {
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    call.period("every", "month", holes)?;
    holes.insert("policy", call.policy()?);
    holes.insert("as_of", call.as_of()?);
    let purchase = match call.written("purchase_when") {
        Some(e) => {
            holes.insert("purchase_when", e);
            "$purchase_when"
        }
        // a relation without events is one of purchases
        None if call.schema().has_column_with_unqualified_name("event_type") => {
            holes.insert("purchase", text("purchase"));
            "event_type = $purchase"
        }
        None => "true",
    };
    let activated = match call.written("activated_when") {
        Some(e) => {
            holes.insert("activated_when", e);
            "$activated_when"
        }
        None => "false",
    };
    let since = match call.written("from") {
        Some(e) => {
            holes.insert("from", e);
            "greatest(first_ts, CAST($from AS TIMESTAMP(6)))"
        }
        None => "first_ts",
    };
    // the times are gathered once a customer, equal ones as one, and summed up at each point of the
    // grid
    Ok(format!(
        "moments AS (
  SELECT $key AS key, local_time($ts) AS ts, bool_or({purchase}) AS bought, bool_or({activated}) AS activates
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL GROUP BY $key, local_time($ts)),
lives AS (
  SELECT key, min(ts) AS first_ts, min(ts) FILTER (WHERE activates) AS activated_ts,
    array_agg(ts) FILTER (WHERE bought) AS times
  FROM moments GROUP BY key),
begun AS (
  SELECT *, CASE WHEN period_start(since, $unit) = since THEN since ELSE period_start(since, $unit) + $one END AS start,
    CAST($as_of AS TIMESTAMP(6)) AS now
  FROM (SELECT *, {since} AS since FROM lives)),
counted AS (
  SELECT *, unnest(generate_series(0, CASE WHEN start <= now THEN periods_between(start, now, $unit) ELSE -1 END
    + CASE WHEN period_start(now, $unit) = now THEN 0 ELSE 1 END)) AS n
  FROM begun),
points AS (
  SELECT key, activated_ts, times, CAST(least(start + $one * n, now) AS TIMESTAMP(6)) AS at FROM counted),
known AS (SELECT key, at, activated_ts <= at AS activated, summary_at(times, at) AS summary FROM points),
stages AS (
  SELECT key, at, stage_of(summary, $policy, true, activated) AS stage,
    stage_reason(summary, $policy, true, activated) AS reason
  FROM known),
neighbours AS (
  SELECT key, at, stage, reason,
    lag(stage) OVER (PARTITION BY key ORDER BY at) AS previous_stage,
    lead(stage) OVER (PARTITION BY key ORDER BY at) AS next_stage,
    lead(at) OVER (PARTITION BY key ORDER BY at) AS next_at
  FROM stages),
visits AS (
  SELECT *, previous_stage IS DISTINCT FROM stage AS enters,
    max(CASE WHEN previous_stage IS DISTINCT FROM stage THEN at END) OVER (PARTITION BY key ORDER BY at) AS entered_at
  FROM neighbours)"
    ))
}

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    let visits = visits(&mut call, &mut holes)?;
    call.query(
        &format!(
            "WITH {visits}
SELECT key, stage, at AS entered_at, left_at,
  (date_part('epoch', coalesce(left_at, CAST($as_of AS TIMESTAMP(6)))) - date_part('epoch', at)) / 86400 AS days,
  previous_stage, reason
FROM (
  SELECT key, at, stage, previous_stage, reason, lead(at) OVER (PARTITION BY key ORDER BY at) AS left_at
  FROM visits WHERE enters)
ORDER BY key, at OFFSET 0"
        ),
        &holes,
    )
}

/// The arguments that functions of stages share.
pub(super) const ARGUMENTS: [(&str, &str); 8] = [
    KEY,
    TS,
    (
        "purchase_when",
        "a condition: which rows are purchases; default: event_type = 'purchase' if there is such a column, else all",
    ),
    ("activated_when", "a condition: which rows activate a customer; default: none"),
    (
        "every",
        "how often it is looked: at the start of each 'month' (default), 'day', 'week', 'quarter' …, as period_start has them, and at as_of; INTERVAL '1 month' is the same as 'month'",
    ),
    (
        "policy",
        "a stage_policy(…), or the name of one; default: tenure.stage_policy, which is 'retail' unless set",
    ),
    ("from", "the first point in time that is told; what was before is still known"),
    AS_OF,
];

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Stage",
        &[],
        "The stages that customers went through, one row for each visit to a stage, with key, stage, entered_at, left_at (NULL: still there), days (until left_at or as_of), previous_stage (NULL: the first) and reason (the rule that put them there, with its figures then), by customer and in the order of time. Each life is replayed: at the start of each period, and at as_of, the stage is what stage_of says of the events up to then, never of later ones; entered_at is the first such point in time at which the customer was there. A customer exists from their first row on, and is a prospect until they buy. The last stage is that of profiles if the relation is events. Purchases of one day count as one, days and periods are those of tenure.timezone. Rows with a NULL time or key and rows after as_of are ignored, NULL conditions are false; no rows give no rows. Memory: 8 bytes a purchase, and a row for each customer and point in time.",
        &ARGUMENTS,
        EXAMPLE,
    )
}
