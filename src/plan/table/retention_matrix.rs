//! `FROM retention_matrix(relation, …)`: how many of those who started in a period come back in each
//! one after it.

use std::fmt::Write as _;

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;

use super::{AS_OF, KEY, TS, UNIT, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, int, null};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "retention_matrix",
    parameters: &[
        "key",
        "ts",
        "start_when",
        "return_when",
        "unit",
        "periods",
        "clock",
        "start",
        "rule",
        "min_count",
        "brackets",
        "measure",
        "by",
        "from",
        "to",
        "as_of",
    ],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT cohort_start, n, cohort_size, retained, rate, measure, complete FROM retention_matrix(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-05T00:00:00', 10.0), (8, TIMESTAMP '2018-01-20T00:00:00', 20.0),
    (7, TIMESTAMP '2018-02-03T00:00:00', 15.0), (9, TIMESTAMP '2018-02-04T00:00:00', 5.0)) AS t(customer_id, ts, amount)),
  unit => 'month', measure => amount, as_of => TIMESTAMP '2018-02-20T00:00:00');
-- 2018-01-01T00:00:00 | 0 | 2 | 2 | 1.0 | 30.0 | true
-- 2018-01-01T00:00:00 | 1 | 2 | 1 | 0.5 | 15.0 | false
-- 2018-02-01T00:00:00 | 0 | 1 | 1 | 1.0 | 5.0 | false";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    holes.insert("as_of", call.as_of()?);
    call.period("unit", "month", &mut holes)?;
    let by = call.written("by");
    let split = by.is_some();
    holes.insert("by", by.unwrap_or_else(null));
    let measure = call.written("measure");
    let measured = measure.is_some();
    holes.insert("measure", measure.unwrap_or_else(null));
    let mut condition = |call: &mut Call<'_>, name: &'static str| match call.written(name) {
        Some(e) => {
            holes.insert(name, e);
            format!("coalesce(${name}, false)")
        }
        None => "true".to_string(),
    };
    let starts = condition(&mut call, "start_when");
    let returns = condition(&mut call, "return_when");
    let returns =
        if holes.get("start_when") == holes.get("return_when") { starts.clone() } else { returns };
    let mut range = String::new();
    for (name, sign) in [("from", ">="), ("to", "<=")] {
        if let Some(e) = call.written(name) {
            holes.insert(name, e);
            let _ =
                write!(range, " AND period_start(ts, $unit) {sign} period_start(${name}, $unit)");
        }
    }
    let periods = call.int("periods", 12, 1)?;
    holes.insert("periods", int(periods));
    holes.insert("min_count", int(call.int("min_count", 1, 1)?));
    let start = call.word("start", &["first_ever", "first_in_range", "recurring"])?;
    let rule = call.word("rule", &["on", "on_or_after", "every"])?;
    let rolling = call.word("clock", &["calendar", "rolling"])? == "rolling";
    let brackets = call.rising("brackets")?;
    if brackets.is_some() && rule == "every" {
        return plan_err!(
            "retention_matrix: rule => 'every' counts whole periods, brackets do not"
        );
    }

    // what a customer does in a period is one row, unless starts come between other rows
    let rows = if starts == returns && !rolling {
        format!(
            "rows AS (
  SELECT $key AS key, min($ts) AS ts, true AS starts, true AS returns, count(*) AS weight,
    {measure} AS measure,
    {by} AS \"by\"
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL AND {starts}
  GROUP BY $key, period_start($ts, $unit))",
            // its sums do not depend on the order of rows
            measure = if measured {
                "monetary(CAST($measure AS DOUBLE))"
            } else {
                "CAST(NULL AS DOUBLE)"
            },
            by = if split {
                "first_value(CAST($by AS VARCHAR) ORDER BY $ts, CAST($by AS VARCHAR))"
            } else {
                "CAST(NULL AS VARCHAR)"
            }
        )
    } else {
        format!(
            "rows AS (
  SELECT $key AS key, $ts AS ts, {starts} AS starts, {returns} AS returns, 1 AS weight,
    CAST($measure AS DOUBLE) AS measure, CAST($by AS VARCHAR) AS \"by\"
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL AND ({starts} OR {returns}))"
        )
    };
    // the starts that are counted: one a customer, or one a customer and period
    let members = match start {
        "recurring" => format!(
            "SELECT key, min(ts) AS start_ts, first_value(\"by\" ORDER BY ts, \"by\") AS grp
  FROM rows WHERE starts{range} GROUP BY key, period_start(ts, $unit)"
        ),
        "first_in_range" => format!(
            "SELECT key, min(ts) AS start_ts, first_value(\"by\" ORDER BY ts, \"by\") AS grp
  FROM rows WHERE starts{range} GROUP BY key"
        ),
        _ => format!(
            "SELECT key, ts AS start_ts, grp FROM (
    SELECT key, min(ts) AS ts, first_value(\"by\" ORDER BY ts, \"by\") AS grp
    FROM rows WHERE starts GROUP BY key) WHERE true{range}"
        ),
    };
    // hours are counted from full hours, so that a return five minutes early still counts
    let n = if rolling {
        "CAST(floor((date_part('epoch', date_trunc('hour', r.ts)) - date_part('epoch', date_trunc('hour', m.start_ts))) / $seconds) AS BIGINT)"
    } else {
        "periods_between(m.start_ts, r.ts, $unit)"
    };
    if rolling {
        holes.insert("seconds", int(rolling_seconds(&holes)?));
    }
    let (numbers, number) = match &brackets {
        Some(list) => bracket_sql(list),
        None => (
            "SELECT unnest(range(0, $periods + 1)) AS n, unnest(range(1, $periods + 2)) AS until"
                .to_string(),
            "n".to_string(),
        ),
    };
    // when a cell begins and ends, for the earliest and the latest of its cohort
    let (begins, ends) = if rolling {
        (
            "date_trunc('hour', c.first_start) + CAST(concat(p.n * $seconds, ' seconds') AS INTERVAL)",
            "date_trunc('hour', c.last_start) + CAST(concat(p.until * $seconds, ' seconds') AS INTERVAL)",
        )
    } else {
        (
            "c.cohort_start + CAST(concat(p.n * $months, ' months ', p.n * $days, ' days ', p.n * $hours, ' hours') AS INTERVAL)",
            "c.cohort_start + CAST(concat(p.until * $months, ' months ', p.until * $days, ' days ', p.until * $hours, ' hours') AS INTERVAL)",
        )
    };
    if !rolling {
        let (months, days, hours) = calendar_length(&holes);
        holes.insert("months", int(months));
        holes.insert("days", int(days));
        holes.insert("hours", int(hours));
    }
    let retained = match rule {
        "on" => "SELECT *, n AS counts_for FROM per_member WHERE enough",
        // back at any time from n on: once for each n up to the last one
        "on_or_after" => {
            "SELECT l.key, l.start_ts, l.cohort_start, l.grp, p.n AS counts_for, coalesce(o.measure, 0.0) AS measure
  FROM (SELECT key, start_ts, cohort_start, grp, max(n) FILTER (WHERE enough) AS last_n
        FROM per_member GROUP BY key, start_ts, cohort_start, grp) l
  JOIN periods p ON p.n <= l.last_n
  LEFT JOIN per_member o ON o.key = l.key AND o.start_ts = l.start_ts AND o.n = p.n"
        }
        // in each period since the start: those without a gap before them
        _ => {
            "SELECT *, n AS counts_for FROM (
    SELECT *, row_number() OVER (PARTITION BY key, start_ts ORDER BY n) AS place,
      min(n) OVER (PARTITION BY key, start_ts) AS first_n
    FROM per_member WHERE enough) WHERE n - first_n = place - 1 AND first_n <= 1"
        }
    };
    call.query(
        &format!(
            "WITH {rows},
members AS ({members}),
cohorts AS (
  SELECT period_start(start_ts, $unit) AS cohort_start, grp, count(*) AS cohort_size,
    min(start_ts) AS first_start, max(start_ts) AS last_start
  FROM members GROUP BY period_start(start_ts, $unit), grp),
periods AS ({numbers}),
visits AS (
  SELECT m.key, m.start_ts, m.grp, {n} AS n, r.measure, r.weight
  FROM members m JOIN rows r ON r.key = m.key WHERE r.returns AND r.ts >= m.start_ts),
per_member AS (
  SELECT key, start_ts, period_start(start_ts, $unit) AS cohort_start, grp, {number} AS n,
    sum(weight) >= $min_count AS enough, coalesce(monetary(measure), 0.0) AS measure
  FROM visits WHERE {number} IS NOT NULL GROUP BY key, start_ts, grp, {number}),
retained AS ({retained}),
cells AS (
  SELECT cohort_start, grp, counts_for, count(*) AS retained, monetary(measure) AS measure
  FROM retained GROUP BY cohort_start, grp, counts_for)
SELECT c.cohort_start, c.grp AS \"group\", p.n, c.cohort_size, coalesce(r.retained, 0) AS retained,
  CAST(coalesce(r.retained, 0) AS DOUBLE) / c.cohort_size AS rate,
  coalesce(r.measure, 0.0) AS measure, {ends} <= $as_of AS complete
FROM cohorts c CROSS JOIN periods p
LEFT JOIN cells r ON r.cohort_start = c.cohort_start AND (r.grp IS NOT DISTINCT FROM c.grp) AND r.counts_for = p.n
WHERE {begins} <= $as_of
ORDER BY c.cohort_start, c.grp, p.n OFFSET 0"
        ),
        &holes,
    )
}

/// The length of a rolling period in seconds.
fn rolling_seconds(holes: &Holes) -> Result<i64> {
    const HOUR: i64 = 3_600;
    match holes.get("unit").map(ToString::to_string).as_deref() {
        Some("'hour'") => Ok(HOUR),
        Some("'day'") => Ok(24 * HOUR),
        Some("'week'") => Ok(7 * 24 * HOUR),
        Some("'month'") => Ok(30 * 24 * HOUR),
        other => plan_err!(
            "retention_matrix: clock => 'rolling' counts hours, days, weeks of 7 days or months of 30 days, not {}; use clock => 'calendar'",
            other.unwrap_or_default()
        ),
    }
}

/// Months, days and hours of a period.
fn calendar_length(holes: &Holes) -> (i64, i64, i64) {
    match holes.get("unit").map(ToString::to_string).as_deref() {
        Some("'hour'") => (0, 0, 1),
        Some("'day'") => (0, 1, 0),
        Some("'week'") => (0, 7, 0),
        Some("'quarter'" | "'fiscal_quarter'") => (3, 0, 0),
        Some("'year'" | "'fiscal_year'") => (12, 0, 0),
        _ => (1, 0, 0),
    }
}

/// The brackets as rows of start and end, and the start of the bracket that `n` lies in.
fn bracket_sql(brackets: &[i64]) -> (String, String) {
    let pairs = || brackets.iter().zip(brackets.iter().skip(1));
    let rows: Vec<String> = pairs().map(|(from, until)| format!("({from}, {until})")).collect();
    let mut number = String::from("CASE");
    for (from, until) in pairs() {
        let _ = write!(number, " WHEN n >= {from} AND n < {until} THEN {from}");
    }
    number.push_str(" END");
    (format!("SELECT * FROM (VALUES {}) AS brackets(n, until)", rows.join(", ")), number)
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Retention",
        &[],
        "Of those who started in a period, how many come back in each period after it: one row a cohort and period with cohort_start, group, n (0 is the period of the start), cohort_size, retained, rate, measure (the sum of measure over the rows that count, such as revenue) and complete (false while the period of the cell is not over at as_of: an incomplete cell is told, not cut off). A customer is retained in n by min_count or more rows that satisfy return_when, at or after the start: rule => 'on' in the period n itself, 'on_or_after' in n or a later one, 'every' in each period up to n without a gap (from 0 or 1 on). clock => 'calendar' counts periods as periods_between does, in tenure.timezone: 23:59 and 00:01 are a day apart; 'rolling' counts lengths of 24 hours (days), 7 days or 30 days (months) from the start, both times down to the full hour. start => 'first_ever' puts each customer into the cohort of their first start, 'first_in_range' of their first from from on, 'recurring' into one cohort for each period in which they start. Rows with a NULL time or key and rows after as_of are ignored, a NULL condition is false; no start gives no rows. Each retained is at most cohort_size.",
        &[
            KEY,
            TS,
            ("start_when", "which rows start; default: all"),
            ("return_when", "which rows are a return; default: all"),
            UNIT,
            ("periods", "how many periods after the first; default 12"),
            ("clock", "'calendar' (default) or 'rolling'"),
            ("start", "'first_ever' (default), 'first_in_range' or 'recurring'"),
            ("rule", "'on' (default), 'on_or_after' or 'every'"),
            ("min_count", "so many rows make a return; default 1"),
            (
                "brackets",
                "periods put together, by where each begins and the last one ends: [0, 1, 3, 7] is 0, 1 to 2, 3 to 6; n is where it begins",
            ),
            ("measure", "what is summed; default: nothing"),
            ("by", "what cohorts are split by: its value at the start"),
            ("from, to", "first and last period of cohorts, a time in each"),
            AS_OF,
        ],
        EXAMPLE,
    )
}
