-- title: Revenue at risk by segment
-- description: What each segment brought so far, weighted with the probability that its customers are
--   gone: where winning back pays most.
-- column: segment -- RFM segment
-- column: customers -- customers in it
-- column: expected_gone -- how many of them are expected to be gone
-- column: revenue -- what they brought so far
-- column: revenue_at_risk -- weighted with the probability of being gone
-- column: share -- percent of the segment's revenue
-- chart: bar y=revenue_at_risk
SELECT
  segment,
  count(*) AS customers,
  round(sum(1 - p_alive), 1) AS expected_gone,
  round(monetary(revenue), 2) AS revenue,
  round(monetary(revenue * (1 - p_alive)), 0) AS revenue_at_risk,
  round(100.0 * monetary(revenue * (1 - p_alive)) / nullif(monetary(revenue), 0), 1) AS share
FROM profiles
WHERE segment IS NOT NULL
GROUP BY segment
ORDER BY revenue_at_risk DESC, segment
