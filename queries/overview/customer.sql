-- title: One customer
-- description: Everything that the profile knows of one customer but the attributes, which differ
--   from lake to lake.
-- param: customer TEXT -- the customer's id
-- column: customer_id -- the customer
-- column: stage -- where in the life cycle
-- column: stage_reason -- the rule that decided
-- column: segment -- RFM segment
-- column: rfm_score -- recency, frequency and value from 1 to 5, one digit each
-- column: orders -- orders so far
-- column: revenue -- their sum
-- column: first_purchase -- time of the first
-- column: last_purchase -- time of the last
-- column: p_alive -- probability of still being a customer
-- column: churn_prob -- probability of no order within the session's horizon
-- column: expected_purchases -- days with orders expected within the horizon
-- column: clv -- revenue expected within the horizon
-- column: last_turning_point -- what turned the customer last
-- column: last_turning_point_ts -- and when
-- column: last_channel -- channel of the last event that has one
SELECT
  customer_id, stage, stage_reason, segment, rfm_score, orders,
  round(revenue, 2) AS revenue,
  first_purchase, last_purchase,
  round(p_alive, 3) AS p_alive,
  round(churn_prob, 3) AS churn_prob,
  round(expected_purchases, 1) AS expected_purchases,
  round(clv, 0) AS clv,
  last_turning_point, last_turning_point_ts, last_channel
FROM profiles
WHERE CAST(customer_id AS VARCHAR) = $customer
