-- title: The shop in one row
-- description: How many customers ordered how often, for how much, and from when to when.
-- column: customers -- customers with an order
-- column: orders -- orders
-- column: revenue -- sum of all orders
-- column: order_value -- mean order
-- column: orders_per_customer -- mean number of orders
-- column: first_order -- time of the first order
-- column: last_order -- time of the last order
SELECT
  count(DISTINCT customer_id) AS customers,
  count(*) AS orders,
  round(monetary(amount), 2) AS revenue,
  round(monetary(amount) / nullif(count(*), 0), 2) AS order_value,
  round(count(*) * 1.0 / nullif(count(DISTINCT customer_id), 0), 1) AS orders_per_customer,
  min(ts) AS first_order,
  max(ts) AS last_order
FROM orders
