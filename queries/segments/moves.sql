-- title: Moves between segments
-- description: In which segment customers were at a past day and where they are now, on the same scale:
--   the cut points are those of that day, so that a move is the customer's own and not the crowd's.
-- param: since TIMESTAMP -- the past day
-- column: before -- segment at that day
-- column: now -- segment now
-- column: customers -- how many went this way
-- column: revenue_since -- what they brought since then
WITH past AS (
  SELECT customer_id, customer_summary(ts, amount, $since) AS summary, monetary(amount) AS revenue
  FROM orders
  WHERE ts <= $since
  GROUP BY customer_id
), scale AS (
  SELECT rfm_fit(summary) AS model FROM past
), both AS (
  SELECT
    rfm_segment(rfm_apply(scale.model, past.summary)) AS before,
    rfm_segment(rfm_apply(scale.model, s.summary)) AS now,
    s.summary['revenue'] - past.revenue AS revenue_since
  FROM past
  JOIN summaries AS s ON s.customer_id = past.customer_id
  CROSS JOIN scale
)
SELECT before, now, count(*) AS customers, round(monetary(revenue_since), 2) AS revenue_since
FROM both
GROUP BY before, now
ORDER BY before, customers DESC, now
