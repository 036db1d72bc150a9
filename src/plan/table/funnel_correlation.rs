//! `FROM funnel_correlation(relation, steps => {…}, window => …, factor => …)`: what those who come
//! through do on the way, and those who do not.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::funnel::read_steps;
use super::{AS_OF, KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::plan::constants::Lengths;
use crate::plan::query::{Holes, int, list, null, text};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "funnel_correlation",
    parameters: &[
        "steps",
        "window",
        "factor",
        "key",
        "ts",
        "order",
        "per",
        "session",
        "exclude",
        "hold",
        "min_count",
        "as_of",
    ],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT factor, success, failure, round(odds_ratio, 2) AS odds, round(p_value, 3) AS p FROM funnel_correlation(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-01T09:00:00', 'view'), (7, TIMESTAMP '2018-01-01T09:05:00', 'review'), (7, TIMESTAMP '2018-01-01T09:10:00', 'buy'),
    (8, TIMESTAMP '2018-01-02T09:00:00', 'view'), (8, TIMESTAMP '2018-01-02T09:05:00', 'review'), (8, TIMESTAMP '2018-01-02T09:30:00', 'buy'),
    (9, TIMESTAMP '2018-01-02T10:00:00', 'view'), (9, TIMESTAMP '2018-01-02T10:20:00', 'help')) AS t(customer_id, ts, e)),
  steps => {'view': e = 'view', 'buy': e = 'buy'}, window => INTERVAL '1 day', factor => e,
  as_of => TIMESTAMP '2018-02-01T00:00:00');
-- review | 2 | 0 | 6.0 | 0.287
-- help | 0 | 1 | 0.17 | 0.287";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let steps = call.must(
        "steps",
        "steps => {'view': event_type = 'page_view', 'buy': event_type = 'purchase'}",
    )?;
    let (_, conditions) = read_steps(call.function, steps)?;
    let n = conditions.len();
    let is_step: Vec<String> =
        (1..=n).map(|i| format!("coalesce($conditions[{i}], false)")).collect();
    let is_step = is_step.join(" OR ");
    let mut holes = Holes::new();
    holes.insert("conditions", list(conditions));
    let window = call.must("window", "window => INTERVAL '1 day'")?;
    holes.insert("window", call.length("window", window, Lengths::Fixed)?);
    holes.insert("factor", call.must("factor", "factor => event_type")?);
    let strict = call.word("order", &["ordered", "strict"])? == "strict";
    holes.insert("mode", text(if strict { "strict_order" } else { "default" }));
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    holes.insert("exclude", call.written("exclude").unwrap_or_else(null));
    holes.insert("hold", call.written("hold").unwrap_or_else(null));
    holes.insert("min_count", int(call.int("min_count", 1, 1)?));
    let (mut session, mut group) = ("NULL", "1");
    if call.word("per", &["customer", "session"])? == "session" {
        let of = call.written_or_column("session", "session_id")?;
        // sessions by whose number rows are grouped anyway
        let same = holes.get("key") == Some(&of);
        holes.insert("session", of);
        // by their places, and with names of their own: the columns may have any others
        if !same {
            (session, group) = ("$session", "1, 2");
        }
    }
    holes.insert("as_of", call.as_of()?);
    call.query(
        &format!(
            "WITH details AS (
  SELECT $key AS key, {session} AS tenure_session, funnel_detail($window, $mode, $ts, $conditions, $exclude, $hold) AS tenure_detail
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL GROUP BY {group}),
attempts AS (
  SELECT key, tenure_session, tenure_detail['level'] = {n} AS won, tenure_detail['step_ts'][1] AS begins,
    CASE WHEN tenure_detail['level'] = {n} THEN tenure_detail['step_ts'][{n}] ELSE tenure_detail['step_ts'][1] + $window END AS ends
  FROM details WHERE tenure_detail['level'] = {n} OR (tenure_detail['level'] >= 1 AND tenure_detail['step_ts'][1] + $window <= $as_of)),
totals AS (
  SELECT count(*) FILTER (WHERE won) AS successes, count(*) FILTER (WHERE NOT won) AS failures
  FROM attempts),
factors AS (
  SELECT $key AS key, {session} AS tenure_session, $ts AS ts, CAST($factor AS VARCHAR) AS factor
  FROM input WHERE $ts <= $as_of AND $factor IS NOT NULL AND NOT ({is_step})),
met AS (
  SELECT DISTINCT a.key, a.tenure_session, a.won, f.factor
  FROM attempts a JOIN factors f ON f.key = a.key AND (f.tenure_session IS NOT DISTINCT FROM a.tenure_session)
  WHERE f.ts >= a.begins AND f.ts <= a.ends),
counts AS (
  SELECT factor, count(*) FILTER (WHERE won) AS success, count(*) FILTER (WHERE NOT won) AS failure
  FROM met GROUP BY factor HAVING count(*) >= $min_count),
cells AS (
  SELECT factor, success, failure,
    success + 1.0 AS won_with, failure + 1.0 AS lost_with,
    successes - success + 1.0 AS won_without, failures - failure + 1.0 AS lost_without
  FROM counts CROSS JOIN totals),
odds AS (
  SELECT factor, success, failure, won_with * lost_without / (won_without * lost_with) AS odds_ratio,
    sqrt(1 / won_with + 1 / lost_without + 1 / won_without + 1 / lost_with) AS spread
  FROM cells),
tests AS (
  SELECT *, 2 * normal_cdf(-abs(ln(odds_ratio) / spread)) AS p_value FROM odds),
ranks AS (
  SELECT *, p_value * count(*) OVER () / count(*) OVER (ORDER BY p_value) AS q FROM tests)
SELECT factor, success, failure, odds_ratio,
  exp(ln(odds_ratio) - 1.959964 * spread) AS ci_low, exp(ln(odds_ratio) + 1.959964 * spread) AS ci_high,
  p_value, min(q) OVER (ORDER BY p_value DESC) AS q_value
FROM ranks ORDER BY odds_ratio DESC, factor OFFSET 0"
        ),
        &holes,
    )
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Funnels",
        &["steps", "window", "factor"],
        "What goes with success in a funnel: one row a factor with factor, success and failure (how many of those who came through, and of those who did not, met it), odds_ratio, ci_low and ci_high (95 %), p_value and q_value, the highest odds first. A customer meets a factor by a row that is no step, from their first step on, until the last step of those who came through, and until the window is over of those who did not; what is before or after says nothing. odds_ratio is (success + 1)(failures - failure + 1) / ((successes - success + 1)(failure + 1)): one is added to each cell, so that none is empty; 2 means twice the odds of coming through. The interval and the p-value are those of its logarithm (Wald); q_value is the share of false findings among the factors with a q_value no higher (Benjamini and Hochberg), over all factors that are told. It shows what goes together, not what causes it; and who comes through early has less time to meet anything, which lowers the odds of what is common. Each customer counts once, with the chain that funnel_detail chooses; per => 'session': each session of a customer. Who can still come through at as_of is left out. Rows with a NULL time, key or factor and rows after as_of are ignored; no rows give no rows. Memory: as funnel_detail, and a row a customer and factor.",
        &[
            (
                "steps",
                "names and conditions in order: {'view': event_type = 'page_view', …}, named_struct(…), or a list of conditions; at most 63",
            ),
            (
                "window",
                "a constant INTERVAL without months: the last step is no later than this after the first",
            ),
            ("factor", "what may go with success: event_type, or any expression, as text"),
            KEY,
            TS,
            ("order", "'ordered' (default) or 'strict', as for funnel"),
            ("per", "who comes through: 'customer' (default) or 'session'"),
            ("session", "which session, for per => 'session'; default: the column session_id"),
            ("exclude, hold", "as for funnel"),
            ("min_count", "tell only factors that so many met; default 1"),
            AS_OF,
        ],
        EXAMPLE,
    )
}
