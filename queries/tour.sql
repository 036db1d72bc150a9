-- The story of a shop in eight queries. They speak of customers, not of tables:
-- every lake with a model has the views they use.

-- 1. Who is there? A year of orders.
SELECT count(DISTINCT customer_id) AS customers, count(*) AS orders, round(monetary(amount), 2) AS revenue
FROM orders;

-- 2. Where do they stand? Every customer is at one stage of the life cycle.
SELECT stage, count(*) AS customers, round(monetary(revenue), 2) AS revenue
FROM profiles
GROUP BY stage
ORDER BY customers DESC, stage;

-- 3. Who carries the shop? Recency, frequency and value make segments.
SELECT segment, count(*) AS customers,
  round(100.0 * monetary(revenue) / sum(monetary(revenue)) OVER (), 1) AS percent_of_revenue
FROM profiles
GROUP BY segment
ORDER BY percent_of_revenue DESC, segment
LIMIT 5;

-- 4. Who of the best is leaving? Names to call, with what is at stake.
SELECT customer_id, round(revenue, 2) AS revenue, round(p_alive, 3) AS p_alive, stage, last_purchase
FROM profiles
WHERE m = 5
ORDER BY profiles.revenue * (1 - profiles.p_alive) DESC, customer_id
LIMIT 5;

-- 5. Why is the first of them there? The rule says it, with its figures.
SELECT customer_id, stage, stage_reason, last_turning_point, last_turning_point_ts
FROM profiles
WHERE m = 5
ORDER BY profiles.revenue * (1 - profiles.p_alive) DESC, customer_id
LIMIT 1;

-- 6. What turned people? Lapses and returns by each one's own rhythm, changes by the data.
SELECT p['kind'] AS kind, p['point'] AS point, count(*) AS times, count(DISTINCT customer_id) AS customers
FROM (
  SELECT customer_id, unnest(turning_points(ts, event_type, amount)) AS p
  FROM events
  GROUP BY customer_id
) AS points
GROUP BY p['kind'], p['point']
ORDER BY times DESC, kind, point
LIMIT 8;

-- 7. What will they do? A model is a value: fitted on everyone, asked about each.
SELECT
  count(*) AS customers,
  round(sum(p_alive(model, summary)), 0) AS still_there,
  round(sum(expected_purchases(model, INTERVAL '90 days', summary)), 0) AS purchases_in_90_days
FROM (SELECT summary, mbg_nbd_fit(summary) OVER () AS model FROM summaries) AS fitted;

-- 8. What to do about it? Whom campaigns reach, and who answers them.
SELECT p.segment, count(*) AS sent_to,
  round(100.0 * count(*) FILTER (WHERE c.responses > 0) / count(*), 1) AS percent_answered
FROM profiles AS p
JOIN (
  SELECT customer_id, count(*) FILTER (WHERE event_type = 'coupon_redeemed') AS responses
  FROM events
  GROUP BY customer_id
  HAVING count(*) FILTER (WHERE event_type = 'campaign_sent') > 0
) AS c ON c.customer_id = p.customer_id
GROUP BY p.segment
ORDER BY percent_answered DESC, p.segment;
