-- title: RFM scores of a period
-- description: Scores each customer by the orders since a day only, among those who ordered: who is
--   strong now, whatever was before.
-- param: since TIMESTAMP -- from when orders count
-- param: bins INT = 5 -- best score
-- param: top INT = 20 -- how many customers, the best scores first
-- column: customer_id -- the customer
-- column: r -- recency score
-- column: f -- frequency score
-- column: m -- value score
-- column: days -- days with orders in the period
-- column: revenue -- sum of the orders in the period
WITH bought AS (
  SELECT customer_id, recency(ts) AS silence, frequency(ts) AS days, monetary(amount) AS revenue
  FROM orders
  WHERE ts >= $since
  GROUP BY customer_id
), scored AS (
  SELECT *, rfm_score(silence, days, revenue, bins => $bins) OVER () AS rfm
  FROM bought
)
SELECT customer_id, rfm['r'] AS r, rfm['f'] AS f, rfm['m'] AS m, days, round(revenue, 2) AS revenue
FROM scored
ORDER BY r DESC, f DESC, m DESC, revenue DESC, customer_id
LIMIT $top
