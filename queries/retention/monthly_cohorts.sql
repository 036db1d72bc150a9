-- title: Monthly cohorts
-- description: Of the customers who first ordered in a month, how many ordered again one, two, three …
--   months later. A month that is not over is told as such.
-- param: months INT = 12 -- how many months to follow
-- column: cohort -- month of the first order
-- column: months_since -- months since then
-- column: cohort_size -- customers of the cohort
-- column: customers -- those who ordered in the month
-- column: rate -- percent of the cohort
-- column: complete -- whether the month is over
-- chart: heat y=rate
SELECT
  CAST(cohort_start AS DATE) AS cohort,
  n AS months_since,
  cohort_size,
  retained AS customers,
  round(100.0 * rate, 1) AS rate,
  complete
FROM retention_matrix(orders, periods => $months)
ORDER BY cohort, months_since
