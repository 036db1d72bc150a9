-- title: Who responds to campaigns
-- description: Customers by RFM segment: how many were sent a campaign at all, how many of those ever
--   responded, and what is expected of the segment.
-- column: segment -- RFM segment
-- column: customers -- customers in it
-- column: sent -- those who were sent a campaign
-- column: responded -- those of them who redeemed a coupon or clicked
-- column: rate -- percent of those it was sent to
-- column: expected_revenue -- mean revenue expected within the session's horizon
-- chart: bar y=rate
WITH contacts AS (
  SELECT
    customer_id,
    count(*) FILTER (WHERE event_type IN ('campaign_sent', 'email_sent')) AS sent,
    count(*) FILTER (WHERE event_type IN ('coupon_redeemed', 'email_click')) AS responses
  FROM events
  GROUP BY customer_id
)
SELECT
  p.segment,
  count(*) AS customers,
  count(*) FILTER (WHERE c.sent > 0) AS sent,
  count(*) FILTER (WHERE c.sent > 0 AND c.responses > 0) AS responded,
  round(100.0 * count(*) FILTER (WHERE c.sent > 0 AND c.responses > 0)
    / nullif(count(*) FILTER (WHERE c.sent > 0), 0), 1) AS rate,
  round(monetary(p.clv) / count(*), 0) AS expected_revenue
FROM profiles AS p
JOIN contacts AS c ON c.customer_id = p.customer_id
WHERE p.segment IS NOT NULL
GROUP BY p.segment
ORDER BY rate DESC NULLS LAST, p.segment
