-- title: Does the model keep track?
-- description: Days with repeat orders in each week, and those that a model expects that knows nothing of
--   the holdout: fitted on the orders before it, then left alone. Customers who came in the holdout are in
--   neither. What seasons and campaigns do shows as a distance; a trend that opens up is a model that fails.
-- param: holdout INTERVAL = '90 days' -- the last part of the log, which the model does not know
-- column: week -- 1 is the week of the first order of all
-- column: starts_on -- its first day
-- column: holdout -- whether it begins in the holdout
-- column: series -- actual or expected
-- column: purchases -- of the week
-- column: cumulative -- of all weeks up to it
-- chart: line x=starts_on y=purchases by=series
WITH weeks AS (
  SELECT *
  FROM evaluate_model(orders, holdout => $holdout, report => 'tracking')
  WHERE complete
)
SELECT
  period AS week,
  starts_on,
  holdout,
  'actual' AS series,
  CAST(actual AS DOUBLE) AS purchases,
  CAST(actual_cumulative AS DOUBLE) AS cumulative
FROM weeks
UNION ALL
SELECT period, starts_on, holdout, 'expected', round(expected, 1), round(expected_cumulative, 1)
FROM weeks
ORDER BY week, series
