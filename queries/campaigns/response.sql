-- title: Response to campaigns
-- description: How many of the customers who were sent a campaign responded to it: redeemed one of its
--   coupons or clicked. A response without a sending counts nowhere.
-- column: campaign_id -- the campaign
-- column: category -- its type
-- column: first_sent -- when the first was sent
-- column: sent -- customers it was sent to
-- column: responded -- customers who responded
-- column: rate -- percent
-- chart: bar y=rate
WITH sent AS (
  SELECT campaign_id, customer_id, min(category) AS category, min(ts) AS sent_ts
  FROM events
  WHERE event_type IN ('campaign_sent', 'email_sent') AND campaign_id IS NOT NULL
  GROUP BY campaign_id, customer_id
), responses AS (
  SELECT DISTINCT campaign_id, customer_id
  FROM events
  WHERE event_type IN ('coupon_redeemed', 'email_click')
)
SELECT
  s.campaign_id,
  min(s.category) AS category,
  min(s.sent_ts) AS first_sent,
  count(*) AS sent,
  count(r.customer_id) AS responded,
  round(100.0 * count(r.customer_id) / count(*), 1) AS rate
FROM sent AS s
LEFT JOIN responses AS r ON r.campaign_id = s.campaign_id AND r.customer_id = s.customer_id
GROUP BY s.campaign_id
ORDER BY rate DESC, sent DESC, s.campaign_id
