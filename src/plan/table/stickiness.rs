//! `FROM stickiness(relation, …)`: in how many periods customers are active.

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;

use super::{AS_OF, KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, text};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "stickiness",
    parameters: &["key", "ts", "active_when", "unit", "span", "as_of"],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT span_start, active_intervals, customers FROM stickiness(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-05T08:00:00'), (7, TIMESTAMP '2018-01-05T19:00:00'), (7, TIMESTAMP '2018-01-06T08:00:00'), (8, TIMESTAMP '2018-01-09T08:00:00')) AS t(customer_id, ts)),
  unit => 'day', span => 'month', as_of => TIMESTAMP '2018-02-01T00:00:00');
-- 2018-01-01T00:00:00 | 1 | 1
-- 2018-01-01T00:00:00 | 2 | 1";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    let unit = call.period("unit", "day", &mut holes)?;
    let span = call.period_word("span", "month")?;
    if span.rank < unit.rank {
        return plan_err!(
            "stickiness: span must not be shorter than unit: there are no {}s in a {}",
            unit.word,
            span.word
        );
    }
    holes.insert("span", text(span.word));
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
  SELECT $key AS key, period_start($ts, $span) AS span_start, count(DISTINCT period_start($ts, $unit)) AS active_intervals
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL {active}
  GROUP BY $key, period_start($ts, $span))
SELECT span_start, active_intervals, count(*) AS customers FROM active
GROUP BY span_start, active_intervals ORDER BY span_start, active_intervals OFFSET 0"
        ),
        &holes,
    )
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Retention",
        &[],
        "In how many periods customers are active: for each span, such as a month, how many customers were active in 1, 2, 3 … of its days, weeks or other units. One row with span_start, active_intervals and customers. Periods are those of period_start, in tenure.timezone; a week belongs to the span in which the row lies. Rows with a NULL time or key and rows after as_of are ignored; no rows give no rows.",
        &[
            KEY,
            TS,
            ("active_when", "a condition: which rows make a customer active; default: all"),
            (
                "unit",
                "what is counted: 'day' (default), 'week', 'month' …, as period_start has them",
            ),
            ("span", "what it is counted in: 'month' (default), 'week', 'year' …"),
            AS_OF,
        ],
        EXAMPLE,
    )
}
