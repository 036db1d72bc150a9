-- title: What customers buy
-- description: Revenue by category, how many customers it reaches, and the part of their spending that
--   falls to it.
-- param: top INT = 20 -- how many categories
-- column: category -- category of the product
-- column: customers -- customers who bought in it
-- column: reach -- percent of all customers
-- column: revenue -- sum of the purchases
-- column: share -- percent of all revenue
-- column: revenue_per_customer -- mean of those who bought in it
-- chart: bar y=revenue
WITH bought AS (
  SELECT category, customer_id, monetary(amount) AS revenue
  FROM events
  WHERE event_type = 'purchase'
  GROUP BY category, customer_id
), everyone AS (
  SELECT count(DISTINCT customer_id) AS customers FROM bought
), categories AS (
  SELECT category, count(*) AS customers, monetary(revenue) AS revenue
  FROM bought
  GROUP BY category
)
SELECT
  category,
  c.customers,
  round(100.0 * c.customers / everyone.customers, 1) AS reach,
  round(revenue, 2) AS revenue,
  round(100.0 * revenue / nullif(sum(revenue) OVER (), 0), 1) AS share,
  round(revenue / c.customers, 2) AS revenue_per_customer
FROM categories AS c
CROSS JOIN everyone
ORDER BY revenue DESC, category
LIMIT $top
