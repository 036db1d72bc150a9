-- title: Customers beyond their own rhythm
-- description: Who has been silent for several times the usual gap between days with orders, and for a
--   while at that. The longest silence by that measure comes first.
-- param: factor DOUBLE = 5 -- how many usual gaps
-- param: min_days INT = 14 -- shortest silence that counts, in days
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: silent_days -- days since the last order
-- column: usual_gap -- median gap in days
-- column: gaps_silent -- silence in usual gaps
-- column: orders -- number of orders
-- column: revenue -- their sum
WITH rhythm AS (
  SELECT
    customer_id,
    summary['t'] - summary['recency'] AS silent_days,
    summary['median_gap'] AS usual_gap,
    summary['orders'] AS orders,
    summary['revenue'] AS revenue
  FROM summaries
  WHERE summary['frequency'] >= 3
)
SELECT
  customer_id,
  silent_days,
  usual_gap,
  round(silent_days / usual_gap, 1) AS gaps_silent,
  orders,
  round(revenue, 2) AS revenue
FROM rhythm
WHERE silent_days > $factor * usual_gap AND silent_days >= $min_days
ORDER BY gaps_silent DESC, customer_id
LIMIT $top
