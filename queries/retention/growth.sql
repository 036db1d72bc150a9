-- title: Where growth comes from
-- description: Customers of each month: new, kept from the month before, or back after a pause; and those
--   of the month before who stayed away. The last month may not be over.
-- column: month -- first day of the month
-- column: customers -- customers with an order
-- column: new -- for the first time
-- column: kept -- also in the month before
-- column: back -- before, but not in the month before
-- column: lost -- in the month before, not in this one
-- column: quick_ratio -- new and back per lost; none if nobody was lost
-- chart: line y=customers
WITH active AS (
  SELECT DISTINCT customer_id, date_trunc('month', ts) AS month
  FROM orders
), stepped AS (
  SELECT month, lag(month) OVER (PARTITION BY customer_id ORDER BY month) AS previous
  FROM active
), states AS (
  SELECT
    month,
    count(*) AS customers,
    count(*) FILTER (WHERE previous IS NULL) AS new,
    count(*) FILTER (WHERE previous = month - INTERVAL '1 month') AS kept
  FROM stepped
  GROUP BY month
), compared AS (
  SELECT *, customers - new - kept AS back, lag(customers) OVER (ORDER BY month) - kept AS lost
  FROM states
)
SELECT
  CAST(month AS DATE) AS month,
  customers, new, kept, back,
  coalesce(lost, 0) AS lost,
  round((new + back) * 1.0 / nullif(lost, 0), 2) AS quick_ratio
FROM compared
ORDER BY month
