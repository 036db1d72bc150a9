//! `FROM customer_summary_between(relation, …)`: what was known of each customer at a moment, and
//! what the customer did from then on, so that a model can be fitted on the one and held against
//! the other.

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;

use super::{KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::plan::constants::Lengths;
use crate::plan::query::{Holes, interval, minus};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "customer_summary_between",
    parameters: &[
        "calibration_end",
        "holdout",
        "holdout_end",
        "key",
        "ts",
        "amount",
        "unit",
        "season",
    ],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT key, frequency, recency, t, monetary_value, holdout_frequency, holdout_revenue, holdout_t FROM customer_summary_between(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-01T09:00:00', 10.0), (7, TIMESTAMP '2018-01-15T09:00:00', 20.0), (7, TIMESTAMP '2018-02-12T09:00:00', 30.0),
    (7, TIMESTAMP '2018-02-12T18:00:00', 5.0), (8, TIMESTAMP '2018-01-29T09:00:00', 8.0), (9, TIMESTAMP '2018-02-20T09:00:00', 9.0)) AS t(customer_id, ts, amount)),
  calibration_end => TIMESTAMP '2018-02-05T00:00:00', holdout_end => TIMESTAMP '2018-03-05T00:00:00', unit => INTERVAL '7 days');
-- 7 | 1 | 2.0 | 5.0 | 20.0 | 1 | 35.0 | 4.0
-- 8 | 0 | 0.0 | 1.0 | NULL | 0 | 0.0 | 4.0";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    let split = split(&mut call, &mut holes)?;
    holes.insert("unit", call.written("unit").unwrap_or_else(|| interval("1 day")));
    call.query(&format!("WITH {split} SELECT * FROM split ORDER BY key OFFSET 0"), &holes)
}

/// By the calendar, or by a season.
const CALENDAR: &str = "\
span AS (
  SELECT customer_summary($calibration_end, NULL, $holdout_end, $unit)['t'] AS holdout_t),
timed AS (SELECT key, summary, holdout, holdout_t FROM span CROSS JOIN halves)";
const SEASONAL: &str = "\
season AS (SELECT CAST($season AS DOUBLE[]) AS season),
timed AS (
  SELECT key, operational_summary(summary, season) AS summary, holdout,
    operational_days(CAST($calibration_end AS TIMESTAMP), CAST($holdout_end AS TIMESTAMP), season) / summary['unit_days'] AS holdout_t
  FROM season CROSS JOIN halves)";

/// Fills `$key`, `$ts`, `$amount`, `$calibration_end` and `$holdout_end`; with `$unit` filled as
/// well, the CTEs up to `split` are one row for each customer.
pub(super) fn split(call: &mut Call<'_>, holes: &mut Holes) -> Result<String> {
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    holes.insert("amount", call.written_or_column_or_null("amount", "amount"));
    let holdout_end = call.moment_or_as_of("holdout_end")?;
    let calibration_end = match call.written("holdout") {
        Some(_) if call.has("calibration_end") => {
            return plan_err!("{}: give calibration_end or holdout, not both", call.function);
        }
        Some(holdout) => {
            let holdout = call.length("holdout", holdout, Lengths::Positive)?;
            minus(holdout_end.clone(), holdout)
        }
        None => call.moment(
            "calibration_end",
            "calibration_end => TIMESTAMP '2017-09-30', or holdout => INTERVAL '90 days'",
        )?,
    };
    if call.is_before(&calibration_end, &holdout_end) == Some(false) {
        return plan_err!(
            "{}: calibration_end ({calibration_end}) must come before holdout_end ({holdout_end}), which is tenure.as_of where it is left out",
            call.function
        );
    }
    holes.insert("calibration_end", calibration_end);
    holes.insert("holdout_end", holdout_end);
    // by the calendar, a purchase at the one moment, looked at from the other, is as old as the holdout is long
    let timed = match call.season()? {
        Some(season) => {
            holes.insert("season", season);
            SEASONAL
        }
        None => CALENDAR,
    };
    Ok(format!(
        "halves AS (
  SELECT $key AS key, customer_summary($ts, $amount, $calibration_end, $unit) AS summary,
    customer_summary($ts, $amount, $holdout_end, $unit) FILTER (WHERE $ts > $calibration_end) AS holdout
  FROM input WHERE $key IS NOT NULL AND $ts <= $holdout_end
  GROUP BY $key),
{timed},
split AS (
  SELECT key, summary['frequency'] AS frequency, summary['recency'] AS recency, summary['t'] AS t,
    summary['monetary_value'] AS monetary_value,
    coalesce(holdout['periods'], 0) AS holdout_frequency,
    holdout['revenue'] / nullif(holdout['periods'], 0) AS holdout_monetary_value,
    coalesce(holdout['revenue'], 0.0) AS holdout_revenue,
    holdout_t, summary
  FROM timed WHERE summary IS NOT NULL)"
    ))
}

pub(super) const HOLDOUT: (&str, &str) = (
    "holdout",
    "an INTERVAL in place of calibration_end: how long before holdout_end calibration ends",
);
pub(super) const CALIBRATION_END: (&str, &str) = (
    "calibration_end",
    "a constant point in time, inclusive: what a model may know ends here. A date is its first moment; for a day to its end write '2017-09-30 23:59:59'",
);
pub(super) const HOLDOUT_END: (&str, &str) = (
    "holdout_end",
    "a constant point in time, inclusive: rows after it do not exist; default: tenure.as_of",
);
pub(super) const SEASON: (&str, &str) = (
    "season",
    "a list of twelve numbers, how much a day of each month counts, as seasonal_index gives them: times are then operational (see operational_summary); default: the calendar",
);
const AMOUNT: (&str, &str) =
    ("amount", "the amount of a purchase; default: the column amount, if there is one");

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Customer summary",
        &[],
        "What was known of each customer at calibration_end, and what the customer did from then until holdout_end: rows to fit a model on and to hold it against. One row for each customer with a purchase up to calibration_end, in the order of key: key; frequency, recency, t and monetary_value as customer_summary has them as of calibration_end; holdout_frequency (periods with a purchase after calibration_end), holdout_monetary_value (mean amount of such a period; NULL without one), holdout_revenue; holdout_t (how long the holdout is, in units, the same in every row); and summary, the STRUCT of customer_summary as of calibration_end, which fits and scores take as it is. Either calibration_end or holdout must be given. Who first bought in the holdout is not in it: no model knew of them. Purchases of one day count as one period, with the sum of their amounts, in the holdout too; a day that calibration_end divides can count on both sides. Rows with a NULL time or key are ignored, a NULL amount is a purchase without money. No rows give no rows. Memory: as two customer_summary, each row in one of them. Fader, Hardie & Lee 2005.",
        &[
            CALIBRATION_END,
            HOLDOUT,
            HOLDOUT_END,
            KEY,
            TS,
            AMOUNT,
            ("unit", "as for customer_summary: what times are measured in; default: one day"),
            SEASON,
        ],
        EXAMPLE,
    )
}
