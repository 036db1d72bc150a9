-- title: Paths to an order
-- description: What customers went through from one order to the next, the most common paths first: the
--   last steps before the order. A path of one step is an order that nothing came before.
-- param: steps INT = 10 -- how many steps of a path at most, with the order
-- param: top INT = 20 -- how many paths
-- column: path -- the steps
-- column: orders -- orders that were come to this way
-- column: share -- percent of all orders
-- column: customers -- customers who came this way
-- column: days -- median days from the first step of the whole journey to the order
WITH steps AS (
  SELECT customer_id, ts, event_type AS step, false AS is_order FROM events WHERE event_type <> 'purchase'
  UNION ALL
  SELECT customer_id, ts, 'purchase', true FROM orders
), placed AS (
  SELECT *, count(*) FILTER (WHERE is_order) OVER (
    PARTITION BY customer_id ORDER BY ts, is_order, step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) - CAST(is_order AS BIGINT) AS journey
  FROM steps
), journeys AS (
  SELECT
    customer_id,
    array_to_string(path_trim(array_agg(step ORDER BY ts, is_order, step), $steps), ' > ') AS path,
    (date_part('epoch', max(ts)) - date_part('epoch', min(ts))) / 86400 AS days
  FROM placed
  GROUP BY customer_id, journey
  HAVING bool_or(is_order)
)
SELECT
  path,
  count(*) AS orders,
  round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS share,
  count(DISTINCT customer_id) AS customers,
  round(median(days), 1) AS days
FROM journeys
GROUP BY path
ORDER BY orders DESC, path
LIMIT $top
