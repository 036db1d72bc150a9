-- title: Customers at a stage
-- description: Who is at one stage and which rule put them there, the most valuable first.
-- param: stage TEXT = at_risk -- the stage
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: stage_reason -- the rule that decided, with its figures
-- column: orders -- number of orders
-- column: revenue -- their sum
-- column: last_purchase -- time of the last order
-- column: p_alive -- probability of still being a customer
SELECT
  customer_id, stage_reason, orders,
  round(revenue, 2) AS revenue,
  last_purchase,
  round(p_alive, 3) AS p_alive
FROM profiles
WHERE stage = $stage
ORDER BY revenue DESC, customer_id
LIMIT $top
