//! `FROM retention_matrix(relation, …)`: how many of those who started in a period come back in each
//! one after it.

use std::fmt::Write as _;

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;

use super::{AS_OF, KEY, TS, UNIT, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, int};
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
    let simple = knows_periods_alone(&call);
    let money = call.written("measure");
    let sums = call.sum_type(money.as_ref());
    let measure = match money {
        Some(e) => {
            holes.insert("measure", e);
            format!("CAST($measure AS {sums})")
        }
        None => "NULL".to_string(),
    };
    let mut given = |name: &'static str, sql: String, none: &str| match call.written(name) {
        Some(e) => {
            holes.insert(name, e);
            sql
        }
        None => none.to_string(),
    };
    let by = given("by", "CAST($by AS VARCHAR)".to_string(), "NULL");
    let starts = given("start_when", "coalesce($start_when, false)".to_string(), "true");
    let returns = given("return_when", "coalesce($return_when, false)".to_string(), "true");
    let mut range = "true".to_string();
    for (name, sign) in [("from", ">="), ("to", "<=")] {
        if let Some(e) = call.written(name) {
            holes.insert(name, e);
            let _ =
                write!(range, " AND period_start($ts, $unit) {sign} period_start(${name}, $unit)");
        }
    }
    let periods = call.int("periods", 12, 1)?;
    holes.insert("periods", int(periods));
    holes.insert("min_count", int(call.int("min_count", 1, 1)?));
    let start = call.word("start", &["first_ever", "first_in_range", "recurring"])?;
    let rule = call.word("rule", &["on", "on_or_after", "every"])?;
    let rolling = call.word("clock", &["calendar", "rolling"])? == "rolling";
    // the hours since 1970 that an INTERVAL can tell do not reach far enough
    let hourly = holes.get("unit").is_some_and(|unit| unit.to_string() == "'hour'");
    let simple = simple && !rolling && !hourly;
    let brackets = call.rising("brackets")?;
    if brackets.is_some() && rule == "every" {
        return plan_err!(
            "retention_matrix: rule => 'every' counts whole periods, brackets do not"
        );
    }
    let hours = if rolling { rolling_hours(&holes).to_string() } else { "NULL".to_string() };
    let (numbers, bracket_list) = match &brackets {
        Some(list) => bracket_sql(list),
        None => (
            "SELECT unnest(range(0, $periods + 1)) AS n, unnest(range(1, $periods + 2)) AS until"
                .to_string(),
            "NULL".to_string(),
        ),
    };
    // when a cell begins and ends, for the earliest and the latest of its cohort
    let (begins, ends) = if rolling {
        (
            "date_trunc('hour', first_start) + CAST(concat(n * $hours, ' hours') AS INTERVAL)",
            "date_trunc('hour', last_start) + CAST(concat(until * $hours, ' hours') AS INTERVAL)",
        )
    } else {
        (
            "cohort_start + CAST(concat(n * $months, ' months ', n * $days, ' days ', n * $hours, ' hours') AS INTERVAL)",
            "cohort_start + CAST(concat(until * $months, ' months ', until * $days, ' days ', until * $hours, ' hours') AS INTERVAL)",
        )
    };
    if rolling {
        holes.insert("hours", int(rolling_hours(&holes)));
    } else {
        let (months, days, hours) = calendar_length(&holes);
        holes.insert("months", int(months));
        holes.insert("days", int(days));
        holes.insert("hours", int(hours));
    }
    let period = "periods_between(TIMESTAMP '1970-01-01T00:00:00', $ts, $unit)";
    // the lists of each customer, how they are counted, and when a cohort starts
    let (lists, grid, cohort_start) = if simple {
        (
            format!("active_periods({period}) FILTER (WHERE {starts})"),
            format!("retention_grid(cells, '{start}', '{rule}', $periods, {bracket_list})"),
            "period_start(TIMESTAMP '1970-01-01T00:00:00', $unit) + CAST(concat(period * $months, ' months ', period * $days, ' days ', period * $hours, ' hours') AS INTERVAL)",
        )
    } else {
        (
            format!(
                "retention_cells($ts, {period}, {starts}, {returns}, {range}, {measure}, {by}, '{start}', '{rule}', {hours}, $min_count, $periods, {bracket_list})"
            ),
            "retention_grid(cells)".to_string(),
            "period_start(min(first_start), $unit)",
        )
    };
    call.query(
        &format!(
            "WITH each AS (
  SELECT {lists} AS cells FROM input WHERE $ts <= $as_of AND $key IS NOT NULL GROUP BY $key),
counted AS (
  SELECT c['period'] AS period, c['group'] AS grp, c['n'] AS n, c['customers'] AS customers,
    c['measure'] AS measure, c['first_start'] AS first_start, c['last_start'] AS last_start
  FROM (SELECT unnest({grid}) AS c FROM each)),
cohorts AS (
  SELECT {cohort_start} AS cohort_start, grp,
    sum(customers) FILTER (WHERE n IS NULL) AS cohort_size,
    min(first_start) AS first_start, max(last_start) AS last_start,
    array_agg(n ORDER BY n) FILTER (WHERE n IS NOT NULL) AS ns,
    array_agg(customers ORDER BY n) FILTER (WHERE n IS NOT NULL) AS retained,
    array_agg(measure ORDER BY n) FILTER (WHERE n IS NOT NULL) AS measures
  FROM counted GROUP BY period, grp),
periods AS ({numbers}),
placed AS (SELECT *, CAST(array_position(ns, n) AS BIGINT) AS place FROM cohorts CROSS JOIN periods)
SELECT cohort_start, grp AS \"group\", n, cohort_size, coalesce(retained[place], 0) AS retained,
  CAST(coalesce(retained[place], 0) AS DOUBLE) / cohort_size AS rate,
  coalesce(measures[place], CAST(0 AS {sums})) AS measure, {ends} <= $as_of AS complete
FROM placed WHERE {begins} <= $as_of
ORDER BY cohort_start, grp, n OFFSET 0"
        ),
        &holes,
    )
}

/// Whether the periods in which customers were there tell everything that is asked: what starts is
/// what returns, and nothing is summed, split, counted twice or left out. Then no time of a row has
/// to be kept, and a customer is a few bits.
fn knows_periods_alone(call: &Call<'_>) -> bool {
    call.same("start_when", "return_when")
        && !["measure", "by", "from", "to", "min_count"].iter().any(|name| call.has(name))
}

/// The length of a rolling period.
fn rolling_hours(holes: &Holes) -> i64 {
    match calendar_length(holes) {
        (12, ..) => 365 * 24,
        (3, ..) => 91 * 24,
        (1, ..) => 30 * 24,
        (_, days, hours) => days * 24 + hours,
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

/// The brackets as rows of start and end, and as a list.
fn bracket_sql(brackets: &[i64]) -> (String, String) {
    let pairs = brackets.iter().zip(brackets.iter().skip(1));
    let rows: Vec<String> = pairs.map(|(from, until)| format!("({from}, {until})")).collect();
    let list: Vec<String> = brackets.iter().map(ToString::to_string).collect();
    (
        format!("SELECT * FROM (VALUES {}) AS brackets(n, until)", rows.join(", ")),
        format!("make_array({})", list.join(", ")),
    )
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Retention",
        &[],
        "Of those who started in a period, how many come back in each period after it: one row a cohort and period with cohort_start, group, n (0 is the period of the start), cohort_size, retained, rate, measure (the sum of measure over the rows that count, such as revenue) and complete (false while the period of the cell is not over at as_of: an incomplete cell is told, not cut off). A customer is retained in n by min_count or more rows that satisfy return_when, at or after the start: rule => 'on' in the period n itself, 'on_or_after' in n or a later one, 'every' in each period up to n without a gap (from 0 or 1 on). clock => 'calendar' counts periods as periods_between does, in tenure.timezone: 23:59 and 00:01 are a day apart; 'rolling' counts lengths of 24 hours (days), 7 days, 30 days (months), 91 days (quarters) or 365 days (years) from the start, both times down to the full hour. start => 'first_ever' puts each customer into the cohort of their first start, 'first_in_range' of their first from from on, 'recurring' into one cohort for each period in which they start. Rows with a NULL time or key and rows after as_of are ignored, a NULL condition is false; no start gives no rows. Each retained is at most cohort_size.",
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
                "periods put together, by where each begins and the last one ends: [0, 1, 3, 7] is 0, 1 to 2, 3 to 6; n is where it begins, and what lies outside of all counts nowhere",
            ),
            (
                "measure",
                "what is summed: exactly if it is DECIMAL, else as DOUBLE; default: nothing",
            ),
            ("by", "what cohorts are split by: its value at the start"),
            ("from, to", "first and last period of cohorts, a time in each"),
            AS_OF,
        ],
        EXAMPLE,
    )
}
