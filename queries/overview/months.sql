-- title: Month by month
-- description: Customers, orders and revenue of every month; the first and the last may be parts of a month.
-- column: month -- first day of the month
-- column: customers -- customers with an order in the month
-- column: new_customers -- those of them who ordered for the first time
-- column: orders -- orders
-- column: revenue -- sum of the orders
-- column: order_value -- mean order
-- chart: line y=revenue
WITH monthly AS (
  SELECT customer_id, date_trunc('month', ts) AS month, count(*) AS orders, monetary(amount) AS revenue
  FROM orders
  GROUP BY customer_id, date_trunc('month', ts)
), numbered AS (
  SELECT *, min(month) OVER (PARTITION BY customer_id) AS first_month
  FROM monthly
)
SELECT
  CAST(month AS DATE) AS month,
  count(*) AS customers,
  count(*) FILTER (WHERE month = first_month) AS new_customers,
  sum(orders) AS orders,
  round(monetary(revenue), 2) AS revenue,
  round(monetary(revenue) / nullif(sum(orders), 0), 2) AS order_value
FROM numbered
GROUP BY month
ORDER BY month
