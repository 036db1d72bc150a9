//! `FROM training_set(relation, …)`: what was known of each customer at several points in time, and
//! what happened after.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::{AS_OF, KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::plan::constants::Lengths;
use crate::plan::query::{Holes, interval};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "training_set",
    parameters: &[
        "cutoffs",
        "lookback",
        "horizon",
        "label",
        "features",
        "gap",
        "key",
        "ts",
        "incomplete",
        "as_of",
    ],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT key, cutoff, features.orders, features.silent_days, label, incomplete_rows FROM training_set(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-10T00:00:00'), (7, TIMESTAMP '2018-01-31T00:00:00'), (7, TIMESTAMP '2018-02-20T00:00:00'),
    (8, TIMESTAMP '2018-01-20T00:00:00'), (8, TIMESTAMP '2018-02-01T00:00:00')) AS t(customer_id, ts)),
  cutoffs => [TIMESTAMP '2018-02-01T00:00:00', TIMESTAMP '2018-03-01T00:00:00'], lookback => INTERVAL '60 days', horizon => INTERVAL '28 days',
  features => {'orders': count(*), 'silent_days': date_part('day', cutoff - max(ts))}, label => count(*) = 0, as_of => TIMESTAMP '2018-03-10T00:00:00')
ORDER BY cutoff, key;
-- 7 | 2018-02-01T00:00:00 | 2 | 1 | false | 2
-- 8 | 2018-02-01T00:00:00 | 1 | 12 | false | 2";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    for (name, such_as) in [
        ("cutoffs", "cutoffs => [TIMESTAMP '2017-07-01', TIMESTAMP '2017-10-01']"),
        ("lookback", "lookback => INTERVAL '180 days'"),
        ("horizon", "horizon => INTERVAL '90 days'"),
        ("label", "label => count(*) FILTER (WHERE event_type = 'purchase') = 0"),
        ("features", "features => {'orders': count(*), 'spent': monetary(amount)}"),
    ] {
        let e = call.must(name, such_as)?;
        let is_length = ["lookback", "horizon"].contains(&name);
        let e = if is_length { call.length(name, e, Lengths::Positive)? } else { e };
        holes.insert(name, e);
    }
    // a label's window that begins before the cutoff would have rows of the features in it
    let gap = call.written("gap").unwrap_or_else(|| interval("0 days"));
    holes.insert("gap", call.length("gap", gap, Lengths::NotNegative)?);
    holes.insert("as_of", call.as_of()?);
    let keep = match call.word("incomplete", &["drop", "keep"])? {
        "keep" => "true",
        _ => "complete",
    };
    // who has no row in the label's window has the label of no rows at all; what is held of a join is its
    // first side: the few cutoffs, not the log
    call.query(
        &format!(
            "WITH cutoffs AS (SELECT unnest(array_distinct(CAST($cutoffs AS TIMESTAMP(6)[]))) AS cutoff),
past AS (
  SELECT $key AS key, cutoff, $features AS features
  FROM cutoffs JOIN input ON CAST($ts AS TIMESTAMP(6)) >= cutoff - $lookback AND $ts < cutoff
  WHERE $ts <= $as_of AND $key IS NOT NULL
  GROUP BY $key, cutoff),
future AS (
  SELECT $key AS key, cutoff, $label AS label, true AS there
  FROM cutoffs JOIN input ON $ts >= cutoff AND CAST($ts AS TIMESTAMP(6)) >= cutoff + $gap
    AND CAST($ts AS TIMESTAMP(6)) < cutoff + $gap + $horizon
  WHERE $ts <= $as_of AND $key IS NOT NULL
  GROUP BY $key, cutoff),
nothing AS (SELECT $label AS label FROM input WHERE false),
labelled AS (
  SELECT past.key, past.cutoff, past.features,
    CASE WHEN future.there THEN future.label ELSE nothing.label END AS label,
    past.cutoff + $gap + $horizon <= CAST($as_of AS TIMESTAMP(6)) AS complete
  FROM nothing CROSS JOIN past
  LEFT JOIN future ON past.key = future.key AND past.cutoff = future.cutoff),
counted AS (
  SELECT *, count(*) FILTER (WHERE NOT complete) OVER () AS incomplete_rows FROM labelled)
SELECT key, cutoff, features, CASE WHEN complete THEN label END AS label, complete, incomplete_rows
FROM counted WHERE {keep} ORDER BY cutoff, key OFFSET 0"
        ),
        &holes,
    )
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Logistic regression",
        &["cutoffs", "lookback", "horizon", "label", "features"],
        "What was known of each customer at several points in time, and what happened after: rows to fit models on that cannot know the future. One row for each cutoff and customer with a row in the lookback before it: key, cutoff, features (of the rows from cutoff - lookback up to, not including, cutoff), label (of the rows from cutoff + gap up to, not including, cutoff + gap + horizon; of no rows at all where the customer has none there), complete (the label's window had ended by as_of) and incomplete_rows (how many rows had not, the same in every row). Incomplete rows are left out; with incomplete => 'keep' they stay, without label. Both features and label are aggregates over the rows of their window alone: no row of one window is seen in the other, and none after as_of in either. A customer without a row in the lookback has no row, so who is long gone is not in it. Rows with a NULL time or key are ignored; a cutoff given twice counts once. Cutoffs are points of the calendar; for risks by how long a customer has been there, see hazard_fit. Use monetary for sums whose bits do not depend on the order of rows. The relation is read twice; each of its rows is compared with each cutoff.",
        &[
            (
                "cutoffs",
                "a list of times: [TIMESTAMP '2017-07-01', …], or generate_series(from, to, INTERVAL '1 month')",
            ),
            ("lookback", "a constant INTERVAL above 0: how far back features look"),
            ("horizon", "a constant INTERVAL above 0: how long the label's window is"),
            (
                "label",
                "an aggregate over the rows of the label's window, such as count(*) FILTER (WHERE event_type = 'purchase') = 0 for who did not buy",
            ),
            (
                "features",
                "aggregates over the rows of the lookback, in a STRUCT that fits and scores take as it is: {'orders': count(*), 'silent': cutoff - max(ts), …}; cutoff is known in it",
            ),
            (
                "gap",
                "a constant INTERVAL, not negative, between cutoff and the label's window, for what takes time to act on; default: none",
            ),
            KEY,
            TS,
            ("incomplete", "'drop' (default) or 'keep' rows whose label's window has not ended"),
            AS_OF,
        ],
        EXAMPLE,
    )
}
