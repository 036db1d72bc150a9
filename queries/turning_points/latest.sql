-- title: Customers who turned lately
-- description: Whose last turning point is not older than a span of time, the most valuable first: the
--   list to act on today.
-- param: within INTERVAL = '30 days' -- how old it may be
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: last_turning_point -- what happened
-- column: last_turning_point_ts -- when
-- column: stage -- where in the life cycle
-- column: revenue -- what the customer brought so far
-- column: churn_prob -- probability of no order within the session's horizon
WITH today AS (
  SELECT max(summary['as_of']) AS as_of FROM summaries
)
SELECT
  customer_id, last_turning_point, last_turning_point_ts, stage,
  round(revenue, 2) AS revenue,
  round(churn_prob, 3) AS churn_prob
FROM profiles
CROSS JOIN today
WHERE last_turning_point_ts > today.as_of - $within
ORDER BY profiles.revenue DESC, customer_id
LIMIT $top
