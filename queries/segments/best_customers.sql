-- title: The best customers
-- description: Who brought most so far, with their place in the life cycle.
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: revenue -- sum of the orders
-- column: orders -- number of orders
-- column: segment -- RFM segment
-- column: stage -- where in the life cycle
-- column: last_purchase -- time of the last order
-- column: churn_prob -- probability of no order within the session's horizon
-- chart: bar
SELECT
  customer_id,
  round(revenue, 2) AS revenue,
  orders, segment, stage, last_purchase,
  round(churn_prob, 3) AS churn_prob
FROM profiles
ORDER BY revenue DESC, customer_id
LIMIT $top
