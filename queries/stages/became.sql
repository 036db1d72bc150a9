-- title: Who became at risk, and why
-- description: Customers who have come to a stage lately and are still there, from which one, and the rule
--   that put them there with its figures at the time, the most valuable first.
-- param: stage TEXT = at_risk -- the stage
-- param: within INTERVAL = '60 days' -- how long ago they came at most
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: previous_stage -- where they were before; none if they were nowhere
-- column: entered_at -- start of the month at which they were first seen there
-- column: reason -- why, as it was then
-- column: orders -- number of orders
-- column: revenue -- their sum
-- column: last_purchase -- time of the last order
WITH today AS (
  SELECT max(summary['as_of']) AS as_of FROM summaries
)
SELECT
  p.customer_id, h.previous_stage, h.entered_at, h.reason, p.orders,
  round(p.revenue, 2) AS revenue,
  p.last_purchase
FROM stage_history(events) AS h
JOIN profiles AS p ON p.customer_id = h.key
CROSS JOIN today
WHERE h.stage = $stage AND h.left_at IS NULL AND h.entered_at > today.as_of - $within
ORDER BY revenue DESC, p.customer_id
LIMIT $top
