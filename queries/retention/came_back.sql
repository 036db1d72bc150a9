-- title: Customers who came back
-- description: Who ordered again after at least one month without an order, latest first: how long they
--   were away, and what they have brought since.
-- param: away INT = 2 -- least number of months without an order
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: came_back -- month of the return
-- column: months_away -- months without an order before it
-- column: orders -- orders since
-- column: revenue -- their sum
WITH states AS (
  SELECT key, period, state, lag(period) OVER (PARTITION BY key ORDER BY period) AS away_from
  FROM lifecycle(orders)
), returns AS (
  SELECT key, period, periods_between(away_from, period, 'month') AS months_away
  FROM states
  WHERE state = 'resurrecting'
)
SELECT
  r.key AS customer_id,
  CAST(r.period AS DATE) AS came_back,
  r.months_away,
  count(*) AS orders,
  round(monetary(o.amount), 2) AS revenue
FROM returns AS r
JOIN orders AS o ON o.customer_id = r.key AND o.ts >= r.period
WHERE r.months_away >= $away
GROUP BY r.key, r.period, r.months_away
ORDER BY came_back DESC, revenue DESC, r.key
LIMIT $top
