-- title: What a customer of each segment is worth
-- description: What customers of a segment brought and are expected to bring within the session's
--   horizon, each on average: what it may cost to keep one.
-- column: segment -- RFM segment
-- column: customers -- customers in it
-- column: share_of_customers -- percent of all customers
-- column: revenue -- what they brought so far
-- column: share_of_revenue -- percent of all revenue
-- column: orders_each -- orders of a customer
-- column: order_value -- mean amount of an order
-- column: revenue_each -- what a customer brought so far
-- column: clv_each -- revenue expected of a customer within the horizon
-- chart: bar y=clv_each
WITH segments AS (
  SELECT
    segment,
    count(*) AS customers,
    sum(orders) AS orders,
    monetary(revenue) AS revenue,
    monetary(clv) AS clv
  FROM profiles
  WHERE segment IS NOT NULL
  GROUP BY segment
)
SELECT
  segment,
  customers,
  round(100.0 * customers / sum(customers) OVER (), 1) AS share_of_customers,
  round(revenue, 2) AS revenue,
  round(100.0 * revenue / nullif(sum(revenue) OVER (), 0), 1) AS share_of_revenue,
  round(CAST(orders AS DOUBLE) / customers, 1) AS orders_each,
  round(revenue / nullif(orders, 0), 2) AS order_value,
  round(revenue / customers, 2) AS revenue_each,
  round(clv / customers, 2) AS clv_each
FROM segments
ORDER BY clv_each DESC, segment
