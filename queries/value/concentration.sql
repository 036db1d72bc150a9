-- title: How much the best customers bring
-- description: Customers in ten groups of the same size, by revenue: what each tenth brings and what
--   they bring together with all better ones.
-- column: tenth -- 1 are the best ten percent of the customers
-- column: customers -- customers in the group
-- column: revenue -- what they brought
-- column: share -- percent of all revenue
-- column: cumulative_share -- percent of all revenue, of this group and all better ones
-- chart: bar y=share
WITH ranked AS (
  SELECT revenue, ntile(10) OVER (ORDER BY revenue DESC, customer_id) AS tenth
  FROM profiles
  WHERE orders > 0
), tenths AS (
  SELECT tenth, count(*) AS customers, monetary(revenue) AS revenue
  FROM ranked
  GROUP BY tenth
)
SELECT
  tenth, customers,
  round(revenue, 2) AS revenue,
  round(100.0 * revenue / nullif(sum(revenue) OVER (), 0), 1) AS share,
  round(100.0 * sum(revenue) OVER (ORDER BY tenth) / nullif(sum(revenue) OVER (), 0), 1) AS cumulative_share
FROM tenths
ORDER BY tenth
