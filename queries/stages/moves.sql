-- title: Moves between stages
-- description: At which stage customers were at a past day and where they are now. Who was not yet a
--   customer then has no stage before.
-- param: since TIMESTAMP -- the past day
-- param: policy TEXT = retail -- retail, grocery, fashion, hospitality, saas or durables
-- column: before -- stage at that day
-- column: now -- stage now
-- column: customers -- how many went this way
-- column: share -- percent of those who were at the stage before
WITH past AS (
  SELECT customer_id, stage_of(customer_summary(ts, amount, $since), $policy) AS stage
  FROM orders
  WHERE ts <= $since
  GROUP BY customer_id
), both AS (
  SELECT past.stage AS before, stage_of(s.summary, $policy) AS now
  FROM summaries AS s
  LEFT JOIN past ON past.customer_id = s.customer_id
)
SELECT
  before, now,
  count(*) AS customers,
  round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY before), 1) AS share
FROM both
GROUP BY before, now
ORDER BY before NULLS FIRST, customers DESC, now
