-- title: How long customers stay
-- description: Customers by what they bought first, and the share of them who are still there so many
--   days after (Kaplan and Meier). Who has been silent for too long is gone since the last order; the
--   others are known to have stayed until theirs. p says how likely differences between the groups as
--   large as these are by chance (log-rank test of all groups).
-- param: silence INTERVAL = '60 days' -- who is silent for longer is gone
-- param: least INT = 20 -- groups of fewer customers are put together
-- column: first_bought -- category of the first order; several in one order: the first by name
-- column: customers -- customers of the group
-- column: gone -- those who are gone
-- column: after_30 -- share still there 30 days after the first order
-- column: after_90 -- … 90 days
-- column: after_180 -- … 180 days
-- column: half_gone -- days after which half of them are gone; NULL if they never were
-- column: p -- of the test, the same in every row
-- chart: bar x=first_bought y=after_180
WITH firsts AS (
  SELECT customer_id, first_value(category ORDER BY ts, category) AS category
  FROM events
  WHERE event_type = 'purchase'
  GROUP BY customer_id
), grouped AS (
  SELECT
    customer_id,
    CASE WHEN count(*) OVER (PARTITION BY category) >= $least THEN category END AS category
  FROM firsts
), stays AS (
  SELECT
    coalesce(category, '(other)') AS first_bought,
    summary['last_ts'] - summary['first_ts'] AS stay,
    summary['last_ts'] + $silence < summary['as_of'] AS gone
  FROM summaries
  JOIN grouped USING (customer_id)
), fitted AS (
  SELECT first_bought, km_fit(stay, gone) AS m
  FROM stays
  GROUP BY first_bought
)
SELECT
  first_bought,
  m['n'] AS customers,
  m['n_events'] AS gone,
  round(survival_at(m, 30), 3) AS after_30,
  round(survival_at(m, 90), 3) AS after_90,
  round(survival_at(m, 180), 3) AS after_180,
  round(median_survival(m), 1) AS half_gone,
  round(test['p'], 4) AS p
FROM fitted
CROSS JOIN (SELECT logrank(stay, gone, first_bought) AS test FROM stays)
ORDER BY customers DESC, first_bought
