-- title: What each week's campaigns led to
-- description: Of those who were sent something in a week, how many redeemed a coupon or clicked, and how
--   many of those ordered. Each sending to a customer is a try of its own. Those of the last weeks may
--   still go on.
-- param: respond_within INTERVAL = '30 days' -- how long after the sending the response counts
-- param: order_within INTERVAL = '14 days' -- how long after the response the order counts
-- column: week -- first day of the week of the sending
-- column: sent -- sendings to customers
-- column: responded -- and redeemed or clicked
-- column: ordered -- and ordered after it
-- column: rate -- percent of the sendings that led to an order
-- column: pending -- sendings that may still lead to one
-- chart: line y=rate
SELECT
  CAST(interval_start AS DATE) AS week,
  max(reached) FILTER (WHERE step_no = 1) AS sent,
  max(reached) FILTER (WHERE step_no = 2) AS responded,
  max(reached) FILTER (WHERE step_no = 3) AS ordered,
  round(100 * max(rate_total) FILTER (WHERE step_no = 3), 1) AS rate,
  max(pending) FILTER (WHERE step_no = 3) AS pending
FROM funnel(
  events,
  steps => {
    'sent': event_type IN ('campaign_sent', 'email_sent'),
    'responded': event_type IN ('coupon_redeemed', 'email_click'),
    'ordered': event_type = 'purchase'
  },
  window => INTERVAL '365 days',
  per => 'entry',
  step_window => [$respond_within, $order_within],
  interval => 'week'
)
WHERE interval_start IS NOT NULL
GROUP BY interval_start
ORDER BY week
