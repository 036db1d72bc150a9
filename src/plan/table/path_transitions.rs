//! `FROM path_transitions(relation, value => …)`: which step follows which, and how often.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::{AS_OF, KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, int, null};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "path_transitions",
    parameters: &["key", "ts", "value", "per", "session", "min_count", "diff", "as_of"],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT step, next_step, n, p, median_seconds FROM path_transitions(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-01T09:00:00', 'home'), (7, TIMESTAMP '2018-01-01T09:10:00', 'tea'),
    (8, TIMESTAMP '2018-01-02T09:00:00', 'home'), (8, TIMESTAMP '2018-01-02T09:20:00', 'tea'),
    (9, TIMESTAMP '2018-01-02T10:00:00', 'home')) AS t(customer_id, ts, page)),
  value => page, as_of => TIMESTAMP '2018-02-01T00:00:00');
-- path_start | home | 3 | 1.0 | NULL
-- home | tea | 2 | 0.6666666666666666 | 900.0
-- home | path_end | 1 | 0.3333333333333333 | NULL
-- tea | path_end | 2 | 1.0 | NULL";

const START_FIRST: &str = "ORDER BY step <> 'path_start', step, n DESC, next_step OFFSET 0";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    holes.insert("value", call.written_or_column("value", "event_type")?);
    let mut path = "$key";
    if call.word("per", &["customer", "session"])? == "session" {
        holes.insert("session", call.written_or_column("session", "session_id")?);
        path = "$key, $session";
    }
    holes.insert("min_count", int(call.int("min_count", 1, 1)?));
    holes.insert("as_of", call.as_of()?);
    let diff = call.written("diff");
    let compared = diff.is_some();
    holes.insert("diff", diff.unwrap_or_else(null));
    let counts = format!(
        "paths AS (
  SELECT path_steps($value, $ts, $diff) AS steps
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL AND $value IS NOT NULL GROUP BY {path}),
counts AS (
  SELECT c['step'] AS step, c['next_step'] AS next_step, c['n'] AS n, c['n_flagged'] AS n_a,
    c['n'] - c['n_flagged'] AS n_b, c['median_seconds'] AS median_seconds
  FROM (SELECT unnest(path_step_counts(steps)) AS c FROM paths))"
    );
    let answer = if compared {
        format!(
            "shares AS (
  SELECT step, next_step, n, n_a, n_b,
    CAST(n_a AS DOUBLE) / nullif(sum(n_a) OVER (PARTITION BY step), 0) AS p_a,
    CAST(n_b AS DOUBLE) / nullif(sum(n_b) OVER (PARTITION BY step), 0) AS p_b
  FROM counts)
SELECT step, next_step, n_a, p_a, n_b, p_b, p_a - p_b AS difference
FROM shares WHERE n >= $min_count {START_FIRST}"
        )
    } else {
        format!(
            "shares AS (
  SELECT step, next_step, n, CAST(n AS DOUBLE) / sum(n) OVER (PARTITION BY step) AS p, median_seconds
  FROM counts)
SELECT step, next_step, n, p, median_seconds FROM shares WHERE n >= $min_count {START_FIRST}"
        )
    };
    call.query(&format!("WITH {counts}, {answer}"), &holes)
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Paths",
        &[],
        "Which step follows which on the paths of customers: one row a pair with step, next_step (from and to are words of SQL), n (how often), p (of all that follow step) and median_seconds between them. A path begins with path_start and ends with path_end; their rows have no seconds. The p of a step add up to 1, unless min_count leaves rows out, which changes no p. With diff two groups of paths are compared: a has a row that satisfies it, b has none; columns are then step, next_step, n_a, p_a, n_b, p_b and difference (p_a - p_b, NULL where a group is never at step). Rows of one time are in the order of their values. Rows with a NULL time, key or value and rows after as_of are ignored; a NULL diff is false; a path of one step goes from path_start to it and on to path_end. No rows give no rows. Memory: 16 bytes a row of the customers at work, and 8 bytes a row for the medians.",
        &[
            KEY,
            TS,
            ("value", "what a step is, told as text; default: the column event_type"),
            (
                "per",
                "what has a path: 'customer' (default) or 'session', each session of a customer",
            ),
            ("session", "which session, for per => 'session'; default: the column session_id"),
            ("min_count", "tell only pairs that occur so often; default 1"),
            (
                "diff",
                "a condition: paths with a row that satisfies it are compared with the others",
            ),
            AS_OF,
        ],
        EXAMPLE,
    )
}
