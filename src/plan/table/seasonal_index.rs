//! `FROM seasonal_index(relation, …)`: how much more is bought in each month than in a usual one.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::{AS_OF, KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, int, list};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "seasonal_index",
    parameters: &["key", "ts", "as_of", "season"],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT month, round(index, 2) AS index, months, actual FROM seasonal_index(
  (SELECT i AS customer_id, TIMESTAMP '2017-01-01T00:00:00' + CAST(concat(j * (i % 7 + 3), ' days') AS INTERVAL) AS ts
   FROM generate_series(1, 70) AS a(i) CROSS JOIN generate_series(0, 240) AS b(j)
   WHERE j * (i % 7 + 3) < 720 AND (date_part('month', TIMESTAMP '2017-01-01T00:00:00' + CAST(concat(j * (i % 7 + 3), ' days') AS INTERVAL)) <> 6 OR j % 2 = 0)),
  as_of => TIMESTAMP '2018-12-31T00:00:00') WHERE month BETWEEN 5 AND 7;
-- 5 | 1.08 | 2 | 840
-- 6 | 0.56 | 2 | 420
-- 7 | 1.08 | 2 | 840";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    holes.insert("as_of", call.as_of()?);
    let flat = || list((0..12).map(|_| int(1)).collect());
    holes.insert("season", call.season()?.unwrap_or_else(flat));
    // a month is counted from the year 0; a day from 1970. The model goes on as its numbers: the first of
    // many equal STRUCTs would hold on to all of them
    call.query(
        "WITH season AS (SELECT CAST($season AS DOUBLE[]) AS season),
sums AS (
  SELECT $key AS key, customer_summary($ts, NULL, $as_of, INTERVAL '1 day') AS summary
  FROM input WHERE $key IS NOT NULL GROUP BY $key),
fitted AS (
  SELECT season, CAST(summary['first_ts'] AS DATE) AS born, CAST(summary['as_of'] AS DATE) AS last_day,
    min(date_part('year', summary['first_ts']) * 12 + date_part('month', summary['first_ts']) - 1) OVER () AS first_month,
    date_part('year', summary['as_of']) * 12 + date_part('month', summary['as_of']) - 1 AS last_month,
    mbg_nbd_fit(operational_summary(summary, season)) OVER () AS model
  FROM sums CROSS JOIN season WHERE summary IS NOT NULL),
births AS (
  SELECT born, last_day, first_month, last_month, count(*) AS n, first_value(model['unit_days']) AS unit_days,
    first_value(model['r']) AS r, first_value(model['alpha']) AS alpha, first_value(model['a']) AS a, first_value(model['b']) AS b
  FROM fitted GROUP BY born, last_day, first_month, last_month),
grid AS (
  SELECT *, unnest(range(CAST(first_month AS BIGINT), CAST(last_month AS BIGINT) + 1)) AS period FROM births),
spans AS (
  SELECT *, named_struct('model', 'mbg_nbd', 'r', r, 'alpha', alpha, 'a', a, 'b', b, 'unit_days', unit_days) AS model,
    greatest(make_date(period / 12, period % 12 + 1, 1) - INTERVAL '1 day', born) AS since,
    least(make_date((period + 1) / 12, (period + 1) % 12 + 1, 1) - INTERVAL '1 day', last_day) AS until
  FROM grid CROSS JOIN season),
expectations AS (
  SELECT period, monetary(n * (expected_purchases(model, operational_days(born, until, season))
      - expected_purchases(model, operational_days(born, since, season)))) AS expected
  FROM spans WHERE until > since GROUP BY period),
bought AS (
  SELECT DISTINCT $key AS key, CAST($ts AS DATE) AS bought_on FROM input WHERE $ts <= $as_of),
counts AS (
  SELECT date_part('year', bought_on) * 12 + date_part('month', bought_on) - 1 AS month_no, count(*) AS purchases
  FROM bought JOIN sums ON bought.key = sums.key WHERE bought_on > CAST(summary['first_ts'] AS DATE)
  GROUP BY 1),
months AS (
  SELECT period % 12 + 1 AS month, count(*) AS months, sum(coalesce(purchases, 0)) AS actual, monetary(expected) AS expected
  FROM expectations LEFT JOIN counts ON period = month_no GROUP BY 1),
everyone AS (
  SELECT all_months.month, coalesce(months, 0) AS months, coalesce(actual, 0) AS actual, coalesce(expected, 0.0) AS expected,
    season[all_months.month] * CASE WHEN actual > 0 AND expected > 0 THEN actual / expected ELSE 1 END AS weight
  FROM (SELECT unnest(range(1, 13)) AS month) AS all_months CROSS JOIN season
  LEFT JOIN months ON all_months.month = months.month)
SELECT month, weight / monetary(weight, 'mean') OVER () AS index, months, actual, expected
FROM everyone ORDER BY month OFFSET 0",
        &holes,
    )
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Value",
        &[],
        "How much more is bought on a day of each month than on a usual one: twelve rows, month (1 is January), index (their mean is 1), months (how many such months the log has, in whole or in part), actual (days with repeat purchases in them) and expected (those that a model without seasons expects of the same customers, MBG/NBD fitted on the log). The index is actual by expected: what growth and leaving do to the number of customers is in the model, so that it is no part of it. It makes operational time: give the list of the twelve to `operational_summary` and `operational_days`, or as season to `customer_summary_between` and `evaluate_model`. A month in which nothing was bought again, or that the log does not have, has what `season` says, 1 by default. One pass leaves a little of the season in the model; season => the list of a first pass makes a second one, which takes it out. Of a log shorter than two years little can be said: what comes once may be no season, and the leaving of the first customers looks like one. Rows with a NULL time or key and rows after as_of are ignored. Memory: as customer_summary.",
        &[KEY, TS, AS_OF, ("season", "a list of twelve numbers to begin with; default: all alike")],
        EXAMPLE,
    )
}
