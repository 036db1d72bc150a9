-- title: Segments and what they bring
-- description: How many customers are in each RFM segment and how much of the revenue is theirs,
--   the most valuable segment first.
-- column: segment -- RFM segment
-- column: customers -- customers in it
-- column: share -- percent of all customers
-- column: revenue -- what they brought so far
-- column: revenue_share -- percent of all revenue
-- column: orders_per_customer -- mean number of orders
-- column: order_value -- mean order
-- chart: bar y=customers
SELECT
  segment,
  count(*) AS customers,
  round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS share,
  round(monetary(revenue), 2) AS revenue,
  round(100.0 * monetary(revenue) / nullif(sum(monetary(revenue)) OVER (), 0), 1) AS revenue_share,
  round(sum(orders) * 1.0 / count(*), 1) AS orders_per_customer,
  round(monetary(revenue) / nullif(sum(orders), 0), 2) AS order_value
FROM profiles
WHERE segment IS NOT NULL
GROUP BY segment
ORDER BY revenue DESC, segment
