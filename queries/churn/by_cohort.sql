-- title: Churn by cohort
-- description: Customers by the quarter of their first order. Each cohort is scored by a model of its
--   own, so that an old cohort does not answer for a young one.
-- param: horizon INTERVAL = '30 days' -- how far to look ahead
-- column: cohort -- first day of the quarter of the first order
-- column: customers -- customers of the cohort
-- column: churn_prob -- mean probability of no order within the horizon
-- column: likely_gone -- customers whose probability is above one half
-- chart: line y=churn_prob
WITH joined AS (
  SELECT date_trunc('quarter', summary['first_ts']) AS cohort, summary
  FROM summaries
), scored AS (
  SELECT
    cohort,
    churn_score(summary['frequency'], summary['recency'], summary['t'], $horizon)
      OVER (PARTITION BY cohort) AS churn_prob
  FROM joined
)
SELECT
  CAST(cohort AS DATE) AS cohort,
  count(*) AS customers,
  round(avg(churn_prob), 3) AS churn_prob,
  count(*) FILTER (WHERE churn_prob > 0.5) AS likely_gone
FROM scored
GROUP BY cohort
ORDER BY cohort
