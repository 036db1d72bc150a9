-- title: Where customers will stand
-- description: How many of today's customers will be at each stage in the months to come, if they go on
--   from stage to stage as they did so far. Those who will come are not in it.
-- param: months INT = 6 -- how many months ahead
-- column: months_ahead -- 0 is now
-- column: stage -- stage of the life cycle
-- column: customers -- customers expected there
-- column: share -- percent of all
-- chart: line y=customers by=stage
SELECT
  ahead AS months_ahead,
  stage,
  round(customers, 1) AS customers,
  round(100.0 * customers / sum(customers) OVER (PARTITION BY ahead), 1) AS share
FROM stage_forecast(events, periods => $months)
ORDER BY months_ahead, stage
