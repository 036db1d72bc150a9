-- title: What acquisition brings
-- description: Customers by the quarter and the channel of their first order: what each brought so far and
--   is expected to bring within the horizon, discounted (lifetime value by MBG/NBD and Gamma-Gamma, each
--   fitted on all customers). What a new customer of a channel may cost.
-- param: horizon INTERVAL = '12 months' -- how far to look ahead
-- param: discount DOUBLE = 0.1 -- interest of a year
-- column: cohort -- first day of the quarter of the first order
-- column: channel -- of the first order; several at once: the first by name
-- column: customers -- customers won
-- column: still_customers -- how many of them are expected to be still there
-- column: revenue_each -- what a customer brought so far
-- column: clv_each -- what a customer is expected to bring within the horizon
-- column: total_each -- both
-- column: clv -- what all of them are expected to bring
-- chart: bar y=total_each
WITH firsts AS (
  SELECT
    customer_id,
    CAST(date_trunc('quarter', min(ts)) AS DATE) AS cohort,
    coalesce(first_value(channel ORDER BY ts, channel), '(unknown)') AS channel
  FROM events
  WHERE event_type = 'purchase'
  GROUP BY customer_id
), fitted AS (
  SELECT
    customer_id, summary,
    mbg_nbd_fit(summary) OVER () AS purchases,
    gamma_gamma_fit(summary) OVER () AS spend
  FROM summaries
), valued AS (
  SELECT
    customer_id,
    summary['revenue'] AS revenue,
    p_alive(purchases, summary) AS p_alive,
    clv(purchases, spend, summary, $horizon, $discount) AS clv
  FROM fitted
)
SELECT
  cohort,
  channel,
  count(*) AS customers,
  round(monetary(p_alive), 1) AS still_customers,
  round(monetary(revenue) / count(*), 2) AS revenue_each,
  round(monetary(clv) / count(clv), 2) AS clv_each,
  round(monetary(revenue) / count(*) + monetary(clv) / count(clv), 2) AS total_each,
  round(monetary(clv), 0) AS clv
FROM valued
JOIN firsts USING (customer_id)
GROUP BY cohort, channel
ORDER BY cohort, channel
