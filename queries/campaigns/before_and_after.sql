-- title: Spending before and after a campaign
-- description: What customers spent in a span of time before a campaign was sent to them and in the same
--   span after it. No proof of an effect: who gets a campaign is chosen, and seasons differ.
-- param: window INTERVAL = '28 days' -- length of the span
-- column: campaign_id -- the campaign
-- column: category -- its type
-- column: customers -- customers it was sent to
-- column: before -- mean revenue per customer before
-- column: after -- mean revenue per customer after
-- column: change -- percent
-- column: complete -- whether the span after is over for all of them
WITH today AS (
  SELECT max(summary['as_of']) AS as_of FROM summaries
), sent AS (
  SELECT campaign_id, customer_id, min(category) AS category, min(ts) AS sent_ts
  FROM events
  WHERE event_type IN ('campaign_sent', 'email_sent') AND campaign_id IS NOT NULL
  GROUP BY campaign_id, customer_id
), spent AS (
  SELECT
    s.campaign_id, s.customer_id,
    monetary(o.amount) FILTER (WHERE o.ts < s.sent_ts) AS before,
    monetary(o.amount) FILTER (WHERE o.ts >= s.sent_ts) AS after
  FROM sent AS s
  JOIN orders AS o ON o.customer_id = s.customer_id
  WHERE o.ts >= s.sent_ts - $window AND o.ts < s.sent_ts + $window
  GROUP BY s.campaign_id, s.customer_id
), campaigns AS (
  SELECT
    s.campaign_id,
    min(s.category) AS category,
    count(*) AS customers,
    monetary(coalesce(spent.before, 0)) / count(*) AS before,
    monetary(coalesce(spent.after, 0)) / count(*) AS after,
    max(s.sent_ts) AS last_sent
  FROM sent AS s
  LEFT JOIN spent ON spent.campaign_id = s.campaign_id AND spent.customer_id = s.customer_id
  GROUP BY s.campaign_id
)
SELECT
  campaign_id, category, customers,
  round(before, 2) AS before,
  round(after, 2) AS after,
  round(100.0 * (after - before) / nullif(before, 0), 1) AS change,
  last_sent + $window <= today.as_of AS complete
FROM campaigns
CROSS JOIN today
ORDER BY customers DESC, campaign_id
