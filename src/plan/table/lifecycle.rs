//! `FROM lifecycle(relation, …)`: in which periods a customer was new, returning, resurrecting or
//! dormant.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::{AS_OF, KEY, TS, UNIT, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, null, text};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "lifecycle",
    parameters: &["key", "ts", "active_when", "unit", "from", "to", "born", "as_of"],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT key, period, state FROM lifecycle(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-05T00:00:00'), (7, TIMESTAMP '2018-02-03T00:00:00'), (7, TIMESTAMP '2018-05-01T00:00:00')) AS t(customer_id, ts)),
  unit => 'month', as_of => TIMESTAMP '2018-05-20T00:00:00');
-- 7 | 2018-01-01T00:00:00 | new
-- 7 | 2018-02-01T00:00:00 | returning
-- 7 | 2018-03-01T00:00:00 | dormant
-- 7 | 2018-05-01T00:00:00 | resurrecting";

/// Whether a period of `states` had ended.
pub(super) const COMPLETE: &str = "period + $one <= $as_of AS complete";

/// The CTEs up to `states(key, period, state, amount, before)`: a row for each period in which a
/// customer was active, and for the first in which they were not; `amount` of it and `before` it.
/// Money is summed by `monetary` as the type `money`, in sums that do not depend on the order of
/// rows.
pub(super) fn states(call: &mut Call<'_>, holes: &mut Holes, money: &str) -> Result<String> {
    let born = call.written("born");
    let in_range = born.as_ref().is_some_and(|e| e == &text("first_in_range"));
    let ever = born.is_none() || born.as_ref().is_some_and(|e| e == &text("first_ever"));
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    call.period("unit", "month", holes)?;
    holes.insert("as_of", call.as_of()?);
    let (from, to) = (call.written("from"), call.written("to"));
    let active = call.written("active_when").map(|e| {
        holes.insert("active_when", e);
        "AND $active_when"
    });
    // a customer who was there before the range is looked at is not new in it, unless it is asked
    let since =
        if in_range && from.is_some() { "AND $ts >= period_start($from, $unit)" } else { "" };
    // who has no such time is new when first active
    let born_in =
        "coalesce(min(born) OVER (PARTITION BY key), min(period) OVER (PARTITION BY key))";
    holes.insert("born", if ever || in_range { null() } else { born.unwrap_or_else(null) });
    let mut range = String::new();
    if let Some(from) = from {
        holes.insert("from", from);
        range.push_str(" AND period >= period_start($from, $unit)");
    }
    if let Some(to) = to {
        holes.insert("to", to);
        range.push_str(" AND period <= period_start($to, $unit)");
    }
    let active = active.unwrap_or_default();
    Ok(format!(
        "periods AS (
  SELECT $key AS key, period_start($ts, $unit) AS period, coalesce(monetary(CAST($amount AS {money})), CAST(0 AS {money})) AS amount,
    min(period_start($born, $unit)) AS born
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL {active} {since}
  GROUP BY $key, period_start($ts, $unit)),
neighbours AS (
  SELECT key, period, amount AS spent, {born_in} AS born,
    lag(period) OVER (PARTITION BY key ORDER BY period) AS last_period,
    lag(amount) OVER (PARTITION BY key ORDER BY period) AS last_amount,
    lead(period) OVER (PARTITION BY key ORDER BY period) AS next_period
  FROM periods),
states AS (
  SELECT * FROM (
    SELECT key, period,
      CASE WHEN period = born THEN 'new'
        WHEN periods_between(last_period, period, $unit) = 1 THEN 'returning'
        ELSE 'resurrecting' END AS state,
      spent AS amount, CASE WHEN periods_between(last_period, period, $unit) = 1 THEN last_amount END AS before
    FROM neighbours
    UNION ALL
    SELECT key, period + $one, 'dormant', CAST(NULL AS {money}), spent
    FROM neighbours
    WHERE (next_period IS NULL OR periods_between(period, next_period, $unit) > 1)
      AND period + $one <= $as_of)
  WHERE true{range})"
    ))
}

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("amount", null());
    let states = states(&mut call, &mut holes, "DOUBLE")?;
    call.query(
        &format!(
            "WITH {states} SELECT key, period, state, {COMPLETE} FROM states ORDER BY key, period OFFSET 0"
        ),
        &holes,
    )
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Retention",
        &[],
        "In which periods each customer was new (active for the first time), returning (active in the period before, too), resurrecting (active again after at least one period without) or dormant (the first period without; told once, when it has begun). One row a customer and period with key, period, state and complete (whether the period had ended by as_of: in one that has not, who is dormant may still come), in the order of key and period. In each period new + returning + resurrecting are the active customers, and the dormant are those of the period before who are not. Periods are those of period_start, in tenure.timezone. Rows with a NULL time or key and rows after as_of are ignored; no rows give no rows. Memory: a row a customer and active period.",
        &[
            KEY,
            TS,
            ("active_when", "a condition: which rows make a customer active; default: all"),
            UNIT,
            ("from", "first period to be told, a time in it; what was before is still known"),
            ("to", "last period to be told, a time in it"),
            (
                "born",
                "when a customer is new: 'first_ever' (default), 'first_in_range' (nothing before from is known), or a column with the time, such as of registration: its earliest, where rows of a customer differ; who is active only later is resurrecting, and who has none is new when first active",
            ),
            AS_OF,
        ],
        EXAMPLE,
    )
}
