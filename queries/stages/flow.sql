-- title: Flow through the stages
-- description: How many customers came to each stage and left it, month by month, and how many were there
--   then. Each month is told as it was seen at its start, and the last one as it is seen now.
-- column: seen -- first day of the month, or now
-- column: stage -- stage of the life cycle
-- column: came -- customers who were not there the time before
-- column: went -- customers who were there the time before, and no longer
-- column: customers -- customers at the stage
-- chart: line y=customers by=stage
WITH changes AS (
  SELECT
    stage, sign,
    CASE WHEN sign = 1 THEN entered_at ELSE left_at END AS seen
  FROM stage_history(events)
  CROSS JOIN (VALUES (1), (-1)) AS signs(sign)
), counted AS (
  SELECT
    seen, stage,
    count(*) FILTER (WHERE sign = 1) AS came,
    count(*) FILTER (WHERE sign = -1) AS went
  FROM changes
  WHERE seen IS NOT NULL
  GROUP BY seen, stage
)
SELECT
  CAST(seen AS DATE) AS seen,
  stage, came, went,
  sum(came - went) OVER (PARTITION BY stage ORDER BY seen) AS customers
FROM counted
ORDER BY seen, stage
