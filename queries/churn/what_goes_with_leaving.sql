-- title: What goes with leaving
-- description: What of a customer's first weeks goes with leaving sooner or later (Cox's proportional
--   hazards). Only what was known at the end of these weeks is asked, of customers who were still there
--   then, and days count from then on. Who has been silent for too long is gone since the last order.
-- param: weeks INTERVAL = '30 days' -- how long a customer's beginning is
-- param: silence INTERVAL = '60 days' -- who is silent for longer is gone
-- column: term -- what was seen in the beginning
-- column: mean -- of the customers
-- column: hazard_ratio -- times as likely to leave at any time, for one more of it
-- column: low -- lower limit of the ratio at 95 %
-- column: high -- upper limit
-- column: p -- how likely such a ratio is by chance
-- column: customers -- customers asked, the same in every row
-- column: gone -- those who left
-- column: concordance -- share of pairs of customers that the model has in the order they left
-- chart: bar x=term y=hazard_ratio
WITH beginnings AS (
  SELECT
    e.customer_id,
    count(DISTINCT e.ts) AS orders,
    monetary(e.amount) / 100 AS spent,
    count(DISTINCT e.category) AS categories
  FROM events AS e
  JOIN summaries AS s ON e.customer_id = s.customer_id
  WHERE e.event_type = 'purchase' AND e.ts < s.summary['first_ts'] + $weeks
  GROUP BY e.customer_id
), stays AS (
  SELECT
    named_struct('orders', orders, 'hundreds_spent', spent, 'categories', categories) AS features,
    summary['last_ts'] - (summary['first_ts'] + $weeks) AS stay,
    summary['last_ts'] + $silence < summary['as_of'] AS gone
  FROM summaries
  JOIN beginnings USING (customer_id)
  WHERE summary['last_ts'] > summary['first_ts'] + $weeks
), fitted AS (
  SELECT cox_fit(stay, gone, features) AS m
  FROM stays
), terms AS (
  SELECT unnest(m['terms']) AS t, m['n'] AS n, m['n_events'] AS n_events, m['concordance'] AS concordance
  FROM fitted
)
SELECT
  t['term'] AS term,
  round(t['mean'], 3) AS mean,
  round(t['hazard_ratio'], 4) AS hazard_ratio,
  round(exp(t['coef'] - 1.959964 * t['std_error']), 4) AS low,
  round(exp(t['coef'] + 1.959964 * t['std_error']), 4) AS high,
  round(t['p'], 4) AS p,
  n AS customers,
  n_events AS gone,
  round(concordance, 3) AS concordance
FROM terms
ORDER BY term
