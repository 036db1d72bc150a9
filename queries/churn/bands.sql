-- title: How likely customers are silent
-- description: Customers in ten bands of the probability of no order within the session's horizon, and
--   the revenue that hangs on them.
-- column: churn_from -- lower end of the band
-- column: churn_to -- upper end of the band
-- column: customers -- customers in the band
-- column: revenue -- what they brought so far
-- column: expected_revenue -- revenue expected of them within the horizon
-- chart: bar y=customers
WITH banded AS (
  SELECT least(floor(churn_prob * 10), 9) / 10 AS churn_from, revenue, clv
  FROM profiles
  WHERE churn_prob IS NOT NULL
)
SELECT
  round(churn_from, 1) AS churn_from,
  round(churn_from + 0.1, 1) AS churn_to,
  count(*) AS customers,
  round(monetary(revenue), 2) AS revenue,
  round(monetary(clv), 0) AS expected_revenue
FROM banded
GROUP BY churn_from
ORDER BY churn_from
