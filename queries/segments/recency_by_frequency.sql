-- title: Recency against frequency
-- description: The 5 by 5 table of recency and frequency scores. Who is strong in frequency and weak
--   in recency was a good customer and is leaving.
-- column: r -- recency score, 5 is the most recent
-- column: f -- frequency score, 5 is the most frequent
-- column: customers -- customers with these scores
-- column: revenue_per_customer -- mean revenue so far
-- column: p_alive -- mean probability of still being a customer
-- chart: heat y=customers
SELECT
  r, f,
  count(*) AS customers,
  round(monetary(revenue) / count(*), 2) AS revenue_per_customer,
  round(avg(p_alive), 3) AS p_alive
FROM profiles
WHERE r IS NOT NULL
GROUP BY r, f
ORDER BY r DESC, f DESC
