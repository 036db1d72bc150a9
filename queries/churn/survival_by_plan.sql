-- title: How many are still there, by plan
-- description: The share of customers still there so many days after their first order, by what they
--   subscribed to first, or what they first bought (Kaplan and Meier). Who has been silent for too long
--   is gone since the last order. churn/how_long_they_stay says whether the difference is chance.
-- param: silence INTERVAL = '60 days' -- who is silent for longer is gone
-- param: every INT = 30 -- days from point to point
-- param: least INT = 20 -- plans of fewer customers are put together
-- column: plan -- product or category of the first subscription, without one the category of the first order
-- column: days -- days since the first order
-- column: still_there -- share of the customers who stayed for longer
-- column: customers -- customers of the plan
-- column: gone -- those who are gone
-- chart: line x=days y=still_there by=plan
WITH firsts AS (
  SELECT
    customer_id,
    coalesce(
      first_value(coalesce(CAST(product_id AS VARCHAR), category) ORDER BY ts, category, product_id)
        FILTER (WHERE event_type = 'subscribe'),
      first_value(category ORDER BY ts, category) FILTER (WHERE event_type = 'purchase')
    ) AS plan
  FROM events
  WHERE event_type IN ('purchase', 'subscribe')
  GROUP BY customer_id
), grouped AS (
  SELECT
    customer_id,
    CASE WHEN count(*) OVER (PARTITION BY plan) >= $least THEN plan END AS plan
  FROM firsts
), fitted AS (
  SELECT
    coalesce(plan, '(other)') AS plan,
    max(date_part('day', summary['as_of'] - summary['first_ts'])) AS longest,
    km_fit(summary['last_ts'] - summary['first_ts'], summary['last_ts'] + $silence < summary['as_of']) AS m
  FROM summaries
  JOIN grouped USING (customer_id)
  GROUP BY coalesce(plan, '(other)')
), points AS (
  SELECT plan, m, unnest(generate_series(0, CAST(longest AS BIGINT), $every)) AS days
  FROM fitted
)
SELECT
  plan,
  days,
  round(survival_at(m, days), 4) AS still_there,
  m['n'] AS customers,
  m['n_events'] AS gone
FROM points
WHERE survival_at(m, days) IS NOT NULL
ORDER BY plan, days
