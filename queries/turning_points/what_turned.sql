-- title: What turned customers
-- description: Every kind of turning point, how often it happened and to how many customers. Lapses and
--   returns are measured by each customer's own rhythm, changes of rate and value by the data.
-- column: kind -- milestone, key_point, turning_point, lapse, reactivation, rate_change or value_change
-- column: point -- what happened
-- column: times -- how often
-- column: customers -- to how many customers
-- column: per_customer -- times per customer it happened to
-- column: latest -- the last time
-- chart: bar x=point y=times
WITH points AS (
  SELECT customer_id, unnest(turning_points(ts, event_type, amount)) AS p
  FROM events
  GROUP BY customer_id
)
SELECT
  p['kind'] AS kind,
  p['point'] AS point,
  count(*) AS times,
  count(DISTINCT customer_id) AS customers,
  round(count(*) * 1.0 / count(DISTINCT customer_id), 1) AS per_customer,
  max(p['ts']) AS latest
FROM points
GROUP BY p['kind'], p['point']
ORDER BY times DESC, kind, point
