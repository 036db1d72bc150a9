//! `FROM evaluate_model(relation, …)`: a back-test. Models are fitted on the purchases up to a moment
//! and held against those after it.

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;

use super::customer_summary_between::{CALIBRATION_END, HOLDOUT, HOLDOUT_END, SEASON, split};
use super::evaluation::{REPORTS, report, sizes};
use super::{KEY, TS, evaluate_scores, info};
use crate::engine::FunctionInfo;
use crate::plan::query::{Holes, int, interval, null};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "evaluate_model",
    parameters: &[
        "calibration_end",
        "holdout",
        "holdout_end",
        "model",
        "report",
        "key",
        "ts",
        "unit",
        "every",
        "season",
        "top",
        "groups",
    ],
    plan,
    documentation,
};

/// Models that are fitted to a customer's summary.
const MODELS: [&str; 4] = ["mbg_nbd", "bg_nbd", "pareto_nbd", "mbg_cnbd"];
/// Those that may be fitted in operational time.
const SEASONAL: [&str; 2] = ["mbg_nbd", "bg_nbd"];
const TRACKING: &str = "tracking";

const EXAMPLE: &str = "\
WITH log AS (
  SELECT i AS customer_id, TIMESTAMP '2018-01-01T00:00:00' + CAST(concat((i * j * j) % 53, ' days') AS INTERVAL) AS ts
  FROM generate_series(1, 60) AS a(i) CROSS JOIN generate_series(0, 4) AS b(j) WHERE j <= i % 5)
SELECT model, n, actual, round(expected, 1) AS expected, round(mae, 2) AS mae, active, round(expected_active, 1) AS expected_active, round(auc, 2) AS auc
FROM evaluate_model(log, model => 'bg_nbd', calibration_end => TIMESTAMP '2018-02-01T00:00:00', holdout_end => TIMESTAMP '2018-03-01T00:00:00');
-- bg_nbd | 60 | 44.0 | 65.9 | 0.8 | 30 | 39.5 | 0.62";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    let split = split(&mut call, &mut holes)?;
    // whole days, so that days of purchases are what tracking counts
    let unit = call.days("unit", 1)?;
    let every = call.days("every", 7)?;
    holes.insert("unit", interval(&format!("{unit} days")));
    holes.insert("unit_days", int(unit));
    holes.insert("every", int(every));
    sizes(&mut call, &mut holes)?;
    let models = call.words("model", &MODELS, "mbg_nbd")?;
    let seasonal = holes.contains_key("season");
    if seasonal && models.iter().any(|m| !SEASONAL.contains(m)) {
        return plan_err!(
            "evaluate_model: a season is for the models 'mbg_nbd' and 'bg_nbd'; customers of pareto_nbd leave by the calendar, and mbg_cnbd needs every single gap"
        );
    }
    let [figures, frequency, calibration] = REPORTS;
    let word = call.word("report", &[figures, frequency, calibration, TRACKING])?;
    let list = |each: &dyn Fn(&str) -> String| {
        models.iter().map(|m| each(m)).collect::<Vec<_>>().join(", ")
    };
    // every model in one pass over the customers
    let fits = list(&|m| format!("{m}_fit(summary) OVER () AS {m}"));
    let rest = if word == TRACKING {
        let modelled = list(&|m| format!("first_value({m}) AS {m}"));
        // from the first purchase to the end of the period
        let (season, age) = if seasonal {
            (
                " CROSS JOIN season",
                "greatest(operational_days(CAST(CAST(day - 1 AS INT) AS DATE), CAST(CAST(origin + period * $every - 1 AS INT) AS DATE), season), 0)",
            )
        } else {
            ("", "CAST(greatest(period * $every - (day - origin), 0) AS DOUBLE)")
        };
        let expected =
            list(&|m| format!("monetary(n * expected_purchases({m}, {age} / $unit_days)) AS {m}"));
        let each = list(&|m| format!("named_struct('model', '{m}', 'expected', {m})"));
        format!(
            "births AS (
  SELECT day, origin, count(*) AS n, {modelled}
  FROM (SELECT *, CAST(CAST(summary['first_ts'] AS DATE) AS INT) AS day,
      CAST(CAST(min(summary['first_ts']) OVER () AS DATE) AS INT) AS origin, {fits}
    FROM split)
  GROUP BY day, origin),
moments AS (
  SELECT CAST(CAST(CAST($calibration_end AS TIMESTAMP) AS DATE) AS INT) AS calibrated,
    CAST(CAST(CAST($holdout_end AS TIMESTAMP) AS DATE) AS INT) AS held),
grid AS (
  SELECT *, unnest(range(1, (held - origin) / $every + 2)) AS period
  FROM births CROSS JOIN moments{season}),
sums AS (SELECT period, origin, calibrated, held, {expected} FROM grid GROUP BY period, origin, calibrated, held),
bought AS (
  SELECT DISTINCT $key AS key, CAST(CAST($ts AS DATE) AS INT) AS day FROM input WHERE $ts <= $holdout_end),
born AS (
  SELECT key, CAST(CAST(summary['first_ts'] AS DATE) AS INT) AS first_day,
    CAST(CAST(min(summary['first_ts']) OVER () AS DATE) AS INT) AS origin
  FROM split),
counts AS (
  SELECT (day - origin) / $every + 1 AS period, count(*) AS purchases
  FROM bought JOIN born ON bought.key = born.key WHERE day > first_day
  GROUP BY 1),
long AS (
  SELECT sums.period, origin, calibrated, held, coalesce(purchases, 0) AS actual, unnest([{each}]) AS m
  FROM sums LEFT JOIN counts ON sums.period = counts.period),
rows AS (
  SELECT m['model'] AS model, period, CAST(CAST(origin + (period - 1) * $every AS INT) AS DATE) AS starts_on,
    origin + (period - 1) * $every > calibrated AS holdout, origin + period * $every - 1 <= held AS complete,
    actual, m['expected'] AS expected_cumulative
  FROM long)
SELECT model, period, starts_on, holdout, complete, actual,
  expected_cumulative - lag(expected_cumulative, 1, 0.0) OVER (PARTITION BY model ORDER BY period) AS expected,
  sum(actual) OVER (PARTITION BY model ORDER BY period) AS actual_cumulative, expected_cumulative
FROM rows ORDER BY model, period OFFSET 0"
        )
    } else {
        let each = list(&|m| {
            format!(
                "named_struct('model', '{m}', 'expected', expected_purchases({m}, holdout_t, summary), 'probability', 1 - churn_prob({m}, summary, holdout_t), 'note', {m}['note'])"
            )
        });
        format!(
            "fitted AS (SELECT frequency, holdout_frequency, holdout_t, summary, {fits} FROM split),
said AS (
  SELECT frequency, CAST(holdout_frequency AS DOUBLE) AS actual, unnest([{each}]) AS s FROM fitted),
scored AS (
  SELECT s['model'] AS model, frequency, actual, s['expected'] AS expected, s['probability'] AS probability, s['note'] AS note
  FROM said),
{}",
            report(word)
        )
    };
    // what was spent plays no part
    holes.insert("amount", null());
    call.query(&format!("WITH {split}, {rest}"), &holes)
}

fn documentation() -> FunctionInfo {
    let mut arguments = vec![
        CALIBRATION_END,
        HOLDOUT,
        HOLDOUT_END,
        (
            "model",
            "'mbg_nbd' (default), 'bg_nbd', 'pareto_nbd', 'mbg_cnbd', or a list of some of them",
        ),
        ("report", "'figures' (default), 'frequency', 'calibration' or 'tracking'"),
        KEY,
        TS,
        ("unit", "what the models measure time in, an INTERVAL of whole days; default: one day"),
        SEASON,
        (
            "every",
            "for 'tracking': how long a period is, an INTERVAL of whole days; default: 7 days",
        ),
    ];
    arguments.extend(evaluate_scores::ARGUMENTS);
    info(
        &FUNCTION,
        "Value",
        &[],
        &format!(
            "How good models are at customers' purchases: each is fitted on the rows up to calibration_end (or to `holdout` before holdout_end; one of the two must be given), as customer_summary has them, and asked for each customer's purchases from then until holdout_end (expected) and the probability of any; what happened is actual, the days with a purchase. No row after calibration_end is known to a model. {} report => 'tracking' is one row a model and period of `every`, from the first purchase of all to holdout_end: period (1, 2, …), starts_on, holdout (whether it begins after calibration_end), complete (whether it had ended by holdout_end), actual (days with a repeat purchase, one for each customer), expected, actual_cumulative and expected_cumulative (from the first period on), of the customers who first bought up to calibration_end. With season the models are fitted and asked in operational time, which 'bg_nbd' and 'mbg_nbd' can be: what happened is still counted by the calendar. note says what a fit has to say, such as that it did not converge. Rows with a NULL time or key are ignored; no rows give no rows. For several reports or scores of your own, score the rows of customer_summary_between and give them to evaluate_scores. Memory: as customer_summary_between, and one row a customer. Fader, Hardie & Lee 2005.",
            evaluate_scores::SAID
        ),
        &arguments,
        EXAMPLE,
    )
}
