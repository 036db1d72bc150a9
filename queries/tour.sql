-- The story of a shop in fourteen queries. They speak of customers, not of tables:
-- every lake with a model has the views they use.

-- 1. Who is there? All orders up to today.
SELECT count(DISTINCT customer_id) AS customers, count(*) AS orders, round(monetary(amount), 2) AS revenue
FROM orders;

-- 2. Where do they stand? Every customer is at one stage of the life cycle.
SELECT stage, count(*) AS customers, round(monetary(revenue), 2) AS revenue
FROM profiles
GROUP BY stage
ORDER BY customers DESC, stage;

-- 3. Who carries the shop? Recency, frequency and value make segments; what one of each brought, and will bring.
SELECT segment, count(*) AS customers,
  round(100.0 * monetary(revenue) / nullif(sum(monetary(revenue)) OVER (), 0), 1) AS percent_of_revenue,
  round(monetary(revenue) / count(*), 2) AS revenue_each,
  round(monetary(clv) / count(*), 2) AS expected_each
FROM profiles
GROUP BY segment
ORDER BY percent_of_revenue DESC, segment
LIMIT 5;

-- 4. Where did they come from? By quarter and channel of the first order: the groups of whom most is to come.
SELECT CAST(date_trunc('quarter', first_purchase) AS DATE) AS cohort, channel, count(*) AS customers,
  round(monetary(revenue) / count(*), 2) AS revenue_each,
  round(monetary(clv) / count(*), 2) AS expected_each,
  round(monetary(clv), 0) AS expected
FROM profiles
JOIN (
  SELECT customer_id, coalesce(first_value(channel ORDER BY ts, channel), '(unknown)') AS channel
  FROM events
  WHERE event_type = 'purchase'
  GROUP BY customer_id
) AS firsts USING (customer_id)
GROUP BY cohort, channel
ORDER BY expected DESC NULLS LAST, cohort, channel
LIMIT 8;

-- 5. Who of the best is leaving? Names to call, with what is at stake.
SELECT customer_id, round(revenue, 2) AS revenue, CAST(round(revenue * (1 - p_alive)) AS BIGINT) AS at_stake, stage, last_purchase
FROM profiles
WHERE m = 5
ORDER BY at_stake DESC, customer_id
LIMIT 5;

-- 6. What happened to the first of them? The rules may still say loyal: the last turn tells more.
SELECT customer_id, stage, stage_reason, last_turning_point, last_turning_point_ts
FROM profiles
WHERE m = 5
ORDER BY revenue * (1 - p_alive) DESC, customer_id
LIMIT 1;

-- 7. Why them? Who has most at stake in the next 30 days: the parts of a probability add up to it.
SELECT customer_id, round(churn_prob, 3) AS churn_prob,
  round(e[1]['contribution'], 3) AS as_anybody_new,
  round(e[2]['contribution'], 3) AS orders_add,
  round(e[3]['contribution'], 3) AS time_adds,
  round(e[4]['contribution'], 3) AS silence_adds,
  round(e[4]['value']) AS days_silent
FROM (
  SELECT customer_id, summary['revenue'] AS revenue,
    churn_prob(model, summary, INTERVAL '30 days') AS churn_prob,
    explain_churn(model, summary, INTERVAL '30 days') AS e
  FROM (SELECT customer_id, summary, mbg_nbd_fit(summary) OVER () AS model FROM summaries) AS fitted
) AS explained
ORDER BY churn_prob * revenue DESC NULLS LAST, customer_id
LIMIT 5;

-- 8. What turned people? Lapses and returns by each one's own rhythm, changes by the data.
SELECT p['kind'] AS kind, p['point'] AS point, count(*) AS times, count(DISTINCT customer_id) AS customers
FROM (
  SELECT customer_id, unnest(turning_points(ts, event_type, amount)) AS p
  FROM events
  GROUP BY customer_id
) AS points
WHERE p['kind'] <> 'milestone'
GROUP BY p['kind'], p['point']
ORDER BY times DESC, kind, point;

-- 9. How long do they stay? By plan, or by the quarter of the first order where nobody has one: the share
-- that is still there. Who is silent for 90 days is gone since the last order.
WITH plans AS (
  SELECT customer_id,
    first_value(coalesce(CAST(product_id AS VARCHAR), category) ORDER BY ts, category, product_id) AS plan
  FROM events
  WHERE event_type = 'subscribe'
  GROUP BY customer_id
), stays AS (
  SELECT
    CASE
      WHEN count(plan) OVER () > 0 THEN coalesce(plan, '(none)')
      ELSE concat('since ', CAST(date_trunc('quarter', summary['first_ts']) AS DATE))
    END AS plan,
    summary['last_ts'] - summary['first_ts'] AS stay,
    summary['last_ts'] + INTERVAL '90 days' < summary['as_of'] AS gone
  FROM summaries
  LEFT JOIN plans USING (customer_id)
)
SELECT plan, m['n'] AS customers, m['n_events'] AS gone,
  round(survival_at(m, 30), 3) AS after_30,
  round(survival_at(m, 90), 3) AS after_90,
  round(survival_at(m, 180), 3) AS after_180
FROM (SELECT plan, km_fit(stay, gone) AS m FROM stays GROUP BY plan ORDER BY count(*) DESC, plan LIMIT 8) AS fitted
ORDER BY plan;

-- 10. What will they do? A model is a value: fitted on everyone, asked about each.
SELECT
  count(*) AS customers,
  CAST(round(sum(p_alive(model, summary))) AS BIGINT) AS still_there,
  CAST(round(sum(expected_purchases(model, INTERVAL '90 days', summary))) AS BIGINT) AS purchases_in_90_days
FROM (SELECT summary, mbg_nbd_fit(summary) OVER () AS model FROM summaries) AS fitted;

-- 11. Can that be believed? The same model without the last 90 days, held against them.
SELECT n AS customers, actual AS purchases, round(expected) AS expected, round(100 * bias, 1) AS percent_off,
  round(auc, 2) AS auc, note
FROM evaluate_model(orders, model => 'mbg_nbd', holdout => INTERVAL '90 days');

-- 12. Does it keep track? The weeks of the last year, on one scale; the holdout's are those it knows nothing of.
WITH weeks AS (
  SELECT starts_on, holdout, actual, expected
  FROM evaluate_model(orders, model => 'mbg_nbd', holdout => INTERVAL '90 days', report => 'tracking')
  WHERE complete
  ORDER BY starts_on DESC
  LIMIT 52
), scale AS (
  SELECT greatest(max(actual), max(expected)) AS most FROM weeks
), series AS (
  SELECT starts_on, holdout, 'came' AS repeat_purchases, CAST(actual AS DOUBLE) AS n FROM weeks
  UNION ALL
  SELECT starts_on, holdout, 'expected', expected FROM weeks
)
SELECT repeat_purchases,
  spark(array_agg(n ORDER BY starts_on), 0, max(most)) AS week_by_week,
  round(monetary(n)) AS in_all,
  round(monetary(n) FILTER (WHERE holdout)) AS in_holdout
FROM series
CROSS JOIN scale
GROUP BY repeat_purchases
ORDER BY repeat_purchases;

-- 13. Do ten percent mean ten percent? Customers by their probability to order in the last 90 days, and who did.
SELECT n AS customers, round(100 * expected, 1) AS percent_expected, round(100 * actual, 1) AS percent_came,
  bar(expected, 0, 1, 20) AS expected, bar(actual, 0, 1, 20) AS came
FROM evaluate_model(orders, model => 'mbg_nbd', holdout => INTERVAL '90 days', report => 'calibration', groups => 5)
ORDER BY "group";

-- 14. What to do about it? Whom campaigns reach, and who answers them.
SELECT p.segment, count(*) AS sent_to,
  round(100.0 * count(*) FILTER (WHERE c.responses > 0) / count(*), 1) AS percent_answered
FROM profiles AS p
JOIN (
  SELECT customer_id, count(*) FILTER (WHERE event_type IN ('coupon_redeemed', 'email_click')) AS responses
  FROM events
  GROUP BY customer_id
  HAVING count(*) FILTER (WHERE event_type IN ('campaign_sent', 'email_sent')) > 0
) AS c ON c.customer_id = p.customer_id
GROUP BY p.segment
ORDER BY percent_answered DESC, p.segment;
