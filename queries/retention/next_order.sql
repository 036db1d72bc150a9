-- title: Who comes back after the n-th order
-- description: Of the customers with an n-th order, how many had another one, and how long it took.
--   Orders of the last days had no time yet to be followed by one.
-- param: orders INT = 10 -- up to which order
-- column: order_no -- n
-- column: customers -- customers with an n-th order
-- column: came_back -- those who ordered again
-- column: rate -- percent
-- column: median_days -- median time until the next order, in days
-- chart: line y=rate
WITH numbered AS (
  SELECT
    ts,
    row_number() OVER each_customer AS order_no,
    lead(ts) OVER each_customer AS next_ts
  FROM orders
  WINDOW each_customer AS (PARTITION BY customer_id ORDER BY ts, order_id)
)
SELECT
  order_no,
  count(*) AS customers,
  count(next_ts) AS came_back,
  round(100.0 * count(next_ts) / count(*), 1) AS rate,
  round(median(date_part('epoch', next_ts) - date_part('epoch', ts)) / 86400, 2) AS median_days
FROM numbered
WHERE order_no <= $orders
GROUP BY order_no
ORDER BY order_no
