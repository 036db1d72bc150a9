//! What `evaluate_model` and `evaluate_scores` tell of scores: one query for each report.
//!
//! A report has columns of its own, since a mean, a probability and a week have little in common: in
//! one long table every number would need its heading beside it, and no chart could draw it.
//!
//! All are over a CTE `scored` with the columns model, frequency, actual, expected, probability and
//! note, where `actual` is never NULL. Sums are exact (`monetary`), so that the order of rows makes
//! no difference.

use crate::plan::query::{Holes, int};
use crate::plan::relations::Call;
use datafusion::common::Result;

/// What can be asked of scores alone.
pub(super) const REPORTS: [&str; 3] = ["figures", "frequency", "calibration"];

/// Fills `$top` and `$groups`.
pub(super) fn sizes(call: &mut Call<'_>, holes: &mut Holes) -> Result<()> {
    holes.insert("top", int(call.int("top", 7, 1)?));
    holes.insert("groups", int(call.int("groups", 10, 2)?));
    Ok(())
}

/// The query of a report, from after `scored` on.
pub(super) fn report(word: &str) -> &'static str {
    match word {
        "frequency" => FREQUENCY,
        "calibration" => CALIBRATION,
        _ => FIGURES,
    }
}

/// AUC is the sum of the ranks of those who were active (Mann & Whitney), equal scores at the mean
/// of their ranks: halves of whole numbers, which add up exactly.
const FIGURES: &str = "\
ranked AS (
  SELECT *, actual > 0 AS active,
    rank() OVER (PARTITION BY model ORDER BY probability)
      + (count(*) OVER (PARTITION BY model, probability) - 1) / 2.0 AS place,
    CASE WHEN probability IS NULL THEN 0 ELSE 1 END AS asked
  FROM scored),
sums AS (
  SELECT model, count(*) AS n, monetary(actual) AS actual, monetary(expected) AS expected,
    monetary(CASE WHEN expected IS NOT NULL THEN actual END) AS actual_of_expected,
    monetary(abs(actual - expected), 'mean') AS mae,
    monetary((actual - expected) * (actual - expected), 'mean') AS mse,
    monetary((ln(1 + actual) - ln(1 + expected)) * (ln(1 + actual) - ln(1 + expected)), 'mean') AS msle,
    count(*) FILTER (WHERE active) AS active, monetary(probability) AS expected_active,
    CAST(sum(asked) FILTER (WHERE active) AS DOUBLE) AS yes,
    CAST(sum(asked) FILTER (WHERE NOT active) AS DOUBLE) AS no,
    sum(place) FILTER (WHERE active AND asked = 1) AS places,
    monetary((probability - CAST(active AS DOUBLE)) * (probability - CAST(active AS DOUBLE)), 'mean') AS brier,
    min(note) AS note
  FROM ranked GROUP BY model)
SELECT model, n, actual, expected, (expected - actual_of_expected) / nullif(actual_of_expected, 0) AS bias,
  mae, sqrt(mse) AS rmse, sqrt(msle) AS rmsle, active, expected_active,
  (places - yes * (yes + 1) / 2) / nullif(yes * no, 0) AS auc, brier, note
FROM sums ORDER BY model OFFSET 0";

const FREQUENCY: &str = "\
buckets AS (
  SELECT model, least(frequency, $top) AS bucket, count(*) AS n,
    monetary(actual, 'mean') AS actual, monetary(expected, 'mean') AS expected,
    monetary(abs(actual - expected), 'mean') AS mae
  FROM scored WHERE frequency IS NOT NULL GROUP BY 1, 2)
SELECT model, CASE WHEN bucket = $top THEN concat(bucket, '+') ELSE CAST(bucket AS VARCHAR) END AS frequency,
  n, actual, expected, mae
FROM buckets ORDER BY model, bucket OFFSET 0";

/// Groups of equal size; equal scores are in one group, the one that quantiles of type 7 put them in.
const CALIBRATION: &str = "\
ranked AS (
  SELECT *, rank() OVER (PARTITION BY model ORDER BY probability) - 1 AS below,
    count(*) OVER (PARTITION BY model) - 1 AS others
  FROM scored WHERE probability IS NOT NULL),
grouped AS (
  SELECT *, CAST(greatest(least(($groups * below + others - 1) / greatest(others, 1), $groups), 1) AS BIGINT) AS place
  FROM ranked)
SELECT model, place AS \"group\", count(*) AS n, min(probability) AS lowest, max(probability) AS highest,
  monetary(probability, 'mean') AS expected,
  CAST(count(*) FILTER (WHERE actual > 0) AS DOUBLE) / count(*) AS actual
FROM grouped GROUP BY model, place ORDER BY model, place OFFSET 0";
