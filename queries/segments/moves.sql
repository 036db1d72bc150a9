-- title: Moves between segments
-- description: In which segment customers were at a past day and where they are now, both by the orders of
--   a span of time before. The scale is that of the past day, so that a move is the customer's own and
--   not the crowd's.
-- param: since TIMESTAMP -- the past day
-- param: window INTERVAL = '90 days' -- the span of time whose orders count
-- column: before -- segment at that day
-- column: now -- segment now
-- column: customers -- how many went this way
-- column: revenue_before -- what they brought in the span before that day
-- column: revenue_now -- what they brought in the span before today
WITH today AS (
  SELECT max(summary['as_of']) AS as_of FROM summaries
), past AS (
  SELECT customer_id, recency(ts, $since) AS silence, frequency(ts) AS days, monetary(amount) AS revenue
  FROM orders
  WHERE ts > $since - $window AND ts <= $since
  GROUP BY customer_id
), present AS (
  SELECT customer_id, recency(ts) AS silence, frequency(ts) AS days, monetary(amount) AS revenue
  FROM orders
  CROSS JOIN today
  WHERE ts > today.as_of - $window
  GROUP BY customer_id
), scale AS (
  SELECT rfm_fit(silence, days, revenue) AS model FROM past
), both AS (
  SELECT
    rfm_segment(rfm_apply(model, past.silence, past.days, past.revenue)) AS before,
    rfm_segment(rfm_apply(model, present.silence, present.days, present.revenue)) AS now,
    coalesce(past.revenue, 0) AS revenue_before,
    coalesce(present.revenue, 0) AS revenue_now
  FROM past
  FULL JOIN present ON present.customer_id = past.customer_id
  CROSS JOIN scale
)
SELECT
  coalesce(before, 'no order') AS before,
  coalesce(now, 'no order') AS now,
  count(*) AS customers,
  round(monetary(revenue_before), 2) AS revenue_before,
  round(monetary(revenue_now), 2) AS revenue_now
FROM both
GROUP BY before, now
ORDER BY before, customers DESC, now
