-- title: Revenue of monthly cohorts
-- description: What the customers who first ordered in a month brought in each month after it, and how
--   that compares with their first one. A month that is not over is told as such.
-- param: months INT = 12 -- how many months to follow
-- column: cohort -- month of the first order
-- column: months_since -- months since then
-- column: customers -- customers of the cohort who ordered in the month
-- column: revenue -- what they brought in the month
-- column: kept -- percent of the revenue of the first month
-- column: complete -- whether the month is over
-- chart: heat y=kept
SELECT
  CAST(cohort_start AS DATE) AS cohort,
  n AS months_since,
  retained AS customers,
  round(measure, 2) AS revenue,
  round(100.0 * measure / nullif(first_value(measure) OVER (PARTITION BY cohort_start ORDER BY n), 0), 1) AS kept,
  complete
FROM retention_matrix(orders, measure => amount, periods => $months)
ORDER BY cohort, months_since
