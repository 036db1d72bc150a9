-- title: The most valuable customers to come
-- description: Who is expected to bring most within the session's horizon.
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: clv -- revenue expected within the horizon
-- column: expected_purchases -- days with orders expected within the horizon
-- column: p_alive -- probability of still being a customer
-- column: revenue -- what the customer brought so far
-- column: segment -- RFM segment
-- chart: bar
SELECT
  customer_id,
  round(clv, 0) AS clv,
  round(expected_purchases, 1) AS expected_purchases,
  round(p_alive, 3) AS p_alive,
  round(revenue, 2) AS revenue,
  segment
FROM profiles
WHERE clv IS NOT NULL
ORDER BY clv DESC, customer_id
LIMIT $top
