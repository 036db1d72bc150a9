-- title: Monthly cohorts
-- description: Of the customers who first ordered in a month, how many ordered again one, two, three …
--   months later. The last month may not be over.
-- param: months INT = 12 -- how many months to follow
-- column: cohort -- month of the first order
-- column: months_since -- months since then
-- column: cohort_size -- customers of the cohort
-- column: customers -- those who ordered in the month
-- column: rate -- percent of the cohort
-- chart: heat y=rate
WITH active AS (
  SELECT DISTINCT customer_id, date_trunc('month', ts) AS month
  FROM orders
), dated AS (
  SELECT month, min(month) OVER (PARTITION BY customer_id) AS cohort
  FROM active
), counted AS (
  SELECT
    cohort,
    CAST(12 * (date_part('year', month) - date_part('year', cohort))
      + date_part('month', month) - date_part('month', cohort) AS BIGINT) AS months_since,
    count(*) AS customers
  FROM dated
  GROUP BY cohort, month
), sized AS (
  SELECT *, max(customers) FILTER (WHERE months_since = 0) OVER (PARTITION BY cohort) AS cohort_size
  FROM counted
)
SELECT
  CAST(cohort AS DATE) AS cohort,
  months_since, cohort_size, customers,
  round(100.0 * customers / cohort_size, 1) AS rate
FROM sized
WHERE months_since <= $months
ORDER BY cohort, months_since
