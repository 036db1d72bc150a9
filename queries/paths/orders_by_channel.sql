-- title: From first contact to third order, by channel
-- description: How many customers of each channel order, order again and order a third time, each order within
--   some time of the step before. The channel is the one that won them: that of their first event that has
--   one. On every lake, also where there are only orders.
-- param: within INTERVAL = '90 days' -- how long after the step before an order counts
-- column: channel -- that won the customer
-- column: step_no -- number of the step
-- column: step -- how far the customer came
-- column: customers -- how many came so far
-- column: rate -- percent of all of the channel
-- column: step_rate -- percent of those at the step before
-- column: days -- median days since the step before
-- column: pending -- may still come
-- chart: funnel x=step y=customers by=channel
WITH won AS (
  SELECT
    customer_id,
    min(ts) AS ts,
    coalesce(first_value(channel ORDER BY ts, channel) FILTER (WHERE channel IS NOT NULL), '(unknown)') AS won_by
  FROM events
  GROUP BY customer_id
), numbered AS (
  SELECT customer_id, ts, row_number() OVER (PARTITION BY customer_id ORDER BY ts, order_id) AS n
  FROM orders
), lives AS (
  SELECT customer_id, ts, 0 AS n, won_by FROM won
  UNION ALL
  SELECT numbered.customer_id, numbered.ts, n, won_by
  FROM numbered
  JOIN won ON won.customer_id = numbered.customer_id
  WHERE n <= 3
)
SELECT
  "group" AS channel,
  step_no, step,
  reached AS customers,
  round(100 * rate_total, 1) AS rate,
  round(100 * rate_step, 1) AS step_rate,
  round(median_seconds / 86400, 1) AS days,
  pending
FROM funnel(
  lives,
  steps => {'first contact': n = 0, 'first order': n = 1, 'second order': n = 2, 'third order': n = 3},
  window => INTERVAL '36500 days',
  step_window => [$within, $within, $within],
  by => won_by
)
WHERE "group" IS NOT NULL
ORDER BY channel, step_no
