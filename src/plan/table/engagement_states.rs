//! `FROM engagement_states(relation, …)`: in which of seven states each customer is, day by day.

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;

use super::{AS_OF, KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, int};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "engagement_states",
    parameters: &["key", "ts", "active_when", "wau", "mau", "as_of"],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT key, day, state FROM engagement_states(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-05T08:00:00'), (7, TIMESTAMP '2018-01-05T19:00:00'), (7, TIMESTAMP '2018-01-07T08:00:00')) AS t(customer_id, ts)),
  wau => 2, mau => 4, as_of => TIMESTAMP '2018-01-12T00:00:00');
-- 7 | 2018-01-05T00:00:00 | new
-- 7 | 2018-01-06T00:00:00 | at_risk_wau
-- 7 | 2018-01-07T00:00:00 | current
-- 7 | 2018-01-08T00:00:00 | at_risk_wau
-- 7 | 2018-01-09T00:00:00 | at_risk_wau
-- 7 | 2018-01-10T00:00:00 | at_risk_mau
-- 7 | 2018-01-11T00:00:00 | at_risk_mau
-- 7 | 2018-01-12T00:00:00 | dormant";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    let (wau, mau) = (call.int("wau", 7, 1)?, call.int("mau", 30, 1)?);
    if mau < wau {
        return plan_err!(
            "engagement_states: mau must not be less than wau, got {mau} and {wau} days"
        );
    }
    holes.insert("wau", int(wau));
    holes.insert("mau", int(mau));
    holes.insert("as_of", call.as_of()?);
    let active = match call.written("active_when") {
        Some(e) => {
            holes.insert("active_when", e);
            "AND $active_when"
        }
        None => "",
    };
    call.query(
        &format!(
            "WITH active AS (
  SELECT $key AS key, period_start($ts, 'day') AS day FROM input
  WHERE $ts <= $as_of AND $key IS NOT NULL {active}
  GROUP BY $key, period_start($ts, 'day')),
days AS (
  SELECT key, day, bool_or(is_active) AS is_active FROM (
    SELECT key, day, true AS is_active FROM active
    UNION ALL
    SELECT key, CAST(first + INTERVAL '1 day' * n AS TIMESTAMP(6)), false FROM (
      SELECT key, first, unnest(generate_series(0, periods_between(first, $as_of, 'day'))) AS n
      FROM (SELECT key, min(day) AS first FROM active GROUP BY key)))
  GROUP BY key, day)
SELECT key, day, engagement_state(is_active, day, $wau, $mau) OVER (PARTITION BY key ORDER BY day) AS state
FROM days ORDER BY key, day OFFSET 0"
        ),
        &holes,
    )
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Retention",
        &[],
        "In which state each customer is on each day from their first active day to as_of, one row a customer and day with key, day and state, in this order. States are those of the window function engagement_state (the growth model of Duolingo): new, current, reactivated and resurrected on active days, at_risk_wau, at_risk_mau and dormant on the others. Days are those of tenure.timezone. Counted by day and state they give daily active users (the first four), weekly ones (and at_risk_wau) and monthly ones (and at_risk_mau). A NULL condition is false; rows with a NULL time or key and rows after as_of are ignored; no rows give no rows. Memory: a row a customer and day, sorted.",
        &[
            KEY,
            TS,
            ("active_when", "a condition: which rows make a customer active; default: all"),
            ("wau", "days that count as a week; default 7"),
            ("mau", "days that count as a month, not fewer; default 30"),
            AS_OF,
        ],
        EXAMPLE,
    )
}
