-- The story of a shop in ten queries. They speak of customers, not of tables:
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
  round(100.0 * monetary(revenue) / nullif(sum(monetary(revenue)) OVER (), 0), 1) AS percent_of_revenue
FROM profiles
GROUP BY segment
ORDER BY percent_of_revenue DESC, segment
LIMIT 5;

-- 4. Who of the best is leaving? Names to call, with what is at stake.
SELECT customer_id, round(revenue, 2) AS revenue, CAST(round(revenue * (1 - p_alive)) AS BIGINT) AS at_stake, stage, last_purchase
FROM profiles
WHERE m = 5
ORDER BY at_stake DESC, customer_id
LIMIT 5;

-- 5. What happened to the first of them? The rules may still say loyal: the last turn tells more.
SELECT customer_id, stage, stage_reason, last_turning_point, last_turning_point_ts
FROM profiles
WHERE m = 5
ORDER BY revenue * (1 - p_alive) DESC, customer_id
LIMIT 1;

-- 6. What turned people? Lapses and returns by each one's own rhythm, changes by the data.
SELECT p['kind'] AS kind, p['point'] AS point, count(*) AS times, count(DISTINCT customer_id) AS customers
FROM (
  SELECT customer_id, unnest(turning_points(ts, event_type, amount)) AS p
  FROM events
  GROUP BY customer_id
) AS points
WHERE p['kind'] <> 'milestone'
GROUP BY p['kind'], p['point']
ORDER BY times DESC, kind, point;

-- 7. What will they do? A model is a value: fitted on everyone, asked about each.
SELECT
  count(*) AS customers,
  CAST(round(sum(p_alive(model, summary))) AS BIGINT) AS still_there,
  CAST(round(sum(expected_purchases(model, INTERVAL '90 days', summary))) AS BIGINT) AS purchases_in_90_days
FROM (SELECT summary, mbg_nbd_fit(summary) OVER () AS model FROM summaries) AS fitted;

-- 8. Can that be believed? The same model without the last 90 days, held against them.
SELECT n AS customers, actual AS purchases, round(expected) AS expected, round(100 * bias, 1) AS percent_off,
  round(auc, 2) AS auc, note
FROM evaluate_model(orders, model => 'mbg_nbd', holdout => INTERVAL '90 days');

-- 9. Why is the most valuable of them leaving? The parts of a probability add up to it.
SELECT customer_id, round(churn_prob, 3) AS churn_prob, e['term'] AS term, e['value'] AS value, round(e['contribution'], 3) AS adds
FROM (
  SELECT customer_id, churn_prob, unnest(explain_churn(model, summary, INTERVAL '30 days')) AS e
  FROM (
    SELECT *, churn_prob(model, summary, INTERVAL '30 days') AS churn_prob
    FROM (SELECT customer_id, summary, mbg_nbd_fit(summary) OVER () AS model FROM summaries) AS fitted
    ORDER BY churn_prob * summary['revenue'] DESC, customer_id
    LIMIT 1
  ) AS first
) AS parts;

-- 10. What to do about it? Whom campaigns reach, and who answers them.
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
