-- title: Points on the way
-- description: Which points in the life of a customer how many came to, how often, and how long after the
--   first: registration, orders, carts, complaints, new categories and what else the events tell.
-- column: point -- the point
-- column: customers -- customers who came to it
-- column: times -- how often in all
-- column: first_after_days -- median days from a customer's first point to the first time
SELECT
  point,
  count(DISTINCT key) AS customers,
  count(*) AS times,
  round(median(seconds_since_first / 86400) FILTER (WHERE ordinal = 1), 1) AS first_after_days
FROM key_points(events)
GROUP BY point
ORDER BY customers DESC, point
