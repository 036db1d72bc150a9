-- title: Who is at risk, and why
-- description: Customers with the most revenue at stake, and what makes their churn probability: a new
--   customer's, what their number of orders and the time over which they ordered change of it, and what
--   their silence does. The parts add up to the probability (Shapley values).
-- param: horizon INTERVAL = '30 days' -- churn is no order within it
-- param: top INT = 20 -- how many customers, the most at stake first
-- column: customer_id -- the customer
-- column: revenue -- what the customer brought so far
-- column: at_stake -- revenue times the churn probability
-- column: churn_prob -- probability of no order within the horizon
-- column: baseline -- that of a new customer
-- column: orders_add -- what the number of orders adds to it
-- column: span_adds -- what the time from the first order to the last adds
-- column: silence_adds -- what the silence since then adds
-- column: reason -- the part that adds most, in words
-- column: stage -- where in the life cycle
-- chart: bar y=at_stake
WITH fitted AS (
  SELECT customer_id, summary, mbg_nbd_fit(summary) OVER () AS model
  FROM summaries
), scored AS (
  SELECT
    customer_id, summary,
    churn_prob(model, summary, $horizon) AS churn_prob,
    explain_churn(model, summary, $horizon) AS e
  FROM fitted
), parts AS (
  SELECT
    customer_id, summary, churn_prob,
    summary['t'] - summary['recency'] AS silence,
    e[1]['contribution'] AS baseline,
    e[2]['contribution'] AS orders_add,
    e[3]['contribution'] AS span_adds,
    e[4]['contribution'] AS silence_adds
  FROM scored
  WHERE churn_prob IS NOT NULL
)
SELECT
  customer_id,
  round(summary['revenue'], 2) AS revenue,
  round(summary['revenue'] * churn_prob, 0) AS at_stake,
  round(churn_prob, 3) AS churn_prob,
  round(baseline, 3) AS baseline,
  round(orders_add, 3) AS orders_add,
  round(span_adds, 3) AS span_adds,
  round(silence_adds, 3) AS silence_adds,
  CASE
    WHEN greatest(orders_add, span_adds, silence_adds) <= 0 THEN 'as likely as of anybody new'
    WHEN silence_adds >= greatest(orders_add, span_adds) THEN concat('silent for ', CAST(silence AS BIGINT), ' days')
    WHEN orders_add >= span_adds THEN concat(summary['frequency'] + 1, ' days with orders')
    ELSE concat('ordered over ', CAST(summary['recency'] AS BIGINT), ' days')
  END AS reason,
  stage_of(summary) AS stage
FROM parts
ORDER BY at_stake DESC, customer_id
LIMIT $top
