-- title: Where customers stand
-- description: How many customers are at each stage of the life cycle, what they brought, and how sure
--   it is that they are still there.
-- param: lang TEXT = en -- language of the labels, en or zh
-- column: stage -- stage of the life cycle
-- column: label -- its name in the language
-- column: customers -- customers at the stage
-- column: share -- percent of all customers
-- column: revenue -- what they brought so far
-- column: revenue_share -- percent of all revenue
-- column: p_alive -- mean probability of still being a customer
-- chart: bar y=customers
SELECT
  stage,
  stage_label(stage, $lang) AS label,
  count(*) AS customers,
  round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS share,
  round(monetary(revenue), 2) AS revenue,
  round(100.0 * monetary(revenue) / nullif(sum(monetary(revenue)) OVER (), 0), 1) AS revenue_share,
  round(avg(p_alive), 3) AS p_alive
FROM profiles
GROUP BY stage
ORDER BY customers DESC, stage
