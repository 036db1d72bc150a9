-- title: Customers at risk
-- description: Who is at risk now, the most at stake first: silent for too long but not given up (stage at_risk
--   or dormant), or gone by the model's odds although the rules do not say so yet. At stake is what the
--   customer brought, times the probability of being gone. churn/at_risk_with_reasons says why.
-- param: top INT = 20 -- how many customers
-- param: least_value INT = 1 -- value score from which customers count; 4 is the best two fifths by revenue
-- column: customer_id -- the customer
-- column: revenue -- what the customer brought so far
-- column: at_stake -- revenue times the probability of being gone
-- column: p_alive -- probability of still being a customer
-- column: stage -- where in the life cycle
-- column: segment -- RFM segment
-- column: orders -- number of orders
-- column: last_purchase -- time of the last order
-- column: last_turning_point -- what turned the customer last
-- chart: bar y=at_stake
SELECT
  customer_id,
  round(revenue, 2) AS revenue,
  round(revenue * (1 - p_alive), 0) AS at_stake,
  round(p_alive, 3) AS p_alive,
  stage, segment, orders, last_purchase, last_turning_point
FROM profiles
WHERE m >= $least_value
  AND stage <> 'churned'
  AND (stage IN ('at_risk', 'dormant') OR p_alive < 0.5)
ORDER BY at_stake DESC NULLS LAST, customer_id
LIMIT $top
