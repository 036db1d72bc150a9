-- title: What segments will bring
-- description: Purchases and revenue expected of each segment within the session's horizon, beside what
--   it brought so far.
-- column: segment -- RFM segment
-- column: customers -- customers in it
-- column: still_customers -- how many of them are expected to be still there
-- column: revenue -- what they brought so far
-- column: expected_purchases -- days with orders expected within the horizon
-- column: expected_revenue -- revenue expected within the horizon
-- column: share -- percent of all revenue expected
-- chart: bar y=expected_revenue
SELECT
  segment,
  count(*) AS customers,
  round(sum(p_alive), 1) AS still_customers,
  round(monetary(revenue), 2) AS revenue,
  round(sum(expected_purchases), 0) AS expected_purchases,
  round(monetary(clv), 0) AS expected_revenue,
  round(100.0 * monetary(clv) / nullif(sum(monetary(clv)) OVER (), 0), 1) AS share
FROM profiles
WHERE segment IS NOT NULL
GROUP BY segment
ORDER BY expected_revenue DESC, segment
