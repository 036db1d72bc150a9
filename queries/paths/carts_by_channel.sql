-- title: What became of carts, by channel
-- description: How many carts were paid for and how many were left, by the channel that won the customer: that
--   of their first event that has one. A cart whose window is not over waits.
-- param: within INTERVAL = '1 day' -- how long a cart may wait after what was last done with it
-- column: channel -- that won the customer
-- column: customers -- customers with a cart
-- column: carts -- carts that were paid for or left
-- column: bought -- carts paid for
-- column: abandoned -- carts left
-- column: rate -- percent of the carts that were left
-- column: waiting -- carts that may still be paid for
-- column: leavers -- customers who ever left one
-- column: lost -- those of them who have paid for nothing since
-- chart: bar y=rate
WITH won AS (
  SELECT customer_id, first_value(channel ORDER BY ts, channel) AS won_by
  FROM events
  WHERE channel IS NOT NULL
  GROUP BY customer_id
), steps AS (
  SELECT
    customer_id, ts,
    event_type IN ('add_to_cart', 'checkout') AS fills,
    event_type IN ('payment', 'purchase') AS pays
  FROM events
), carts AS (
  SELECT
    customer_id,
    abandoned($within, ts, fills, pays) AS c,
    max(ts) FILTER (WHERE pays) AS last_paid
  FROM steps
  GROUP BY customer_id
  HAVING bool_or(fills)
)
SELECT
  coalesce(won_by, '(unknown)') AS channel,
  count(*) AS customers,
  sum(c['converted'] + c['abandoned']) AS carts,
  sum(c['converted']) AS bought,
  sum(c['abandoned']) AS abandoned,
  round(100.0 * sum(c['abandoned']) / nullif(sum(c['converted'] + c['abandoned']), 0), 1) AS rate,
  sum(c['pending']) AS waiting,
  count(*) FILTER (WHERE c['abandoned'] > 0) AS leavers,
  count(*) FILTER (WHERE c['abandoned'] > 0 AND coalesce(last_paid < c['last_abandoned_ts'] - $within, true)) AS lost
FROM carts
LEFT JOIN won ON won.customer_id = carts.customer_id
GROUP BY coalesce(won_by, '(unknown)')
ORDER BY rate DESC NULLS LAST, channel
