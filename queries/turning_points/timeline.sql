-- title: One customer's turning points
-- description: What turned one customer, in time order.
-- param: customer TEXT -- the customer's id
-- column: ts -- when
-- column: kind -- of which kind
-- column: point -- what happened
-- column: before -- level before, where there is one
-- column: after -- level after, where there is one
-- column: detail -- in words
WITH points AS (
  SELECT unnest(turning_points(ts, event_type, amount)) AS p
  FROM events
  WHERE CAST(customer_id AS VARCHAR) = $customer
)
SELECT
  p['ts'] AS ts,
  p['kind'] AS kind,
  p['point'] AS point,
  round(p['before'], 3) AS before,
  round(p['after'], 3) AS after,
  p['detail'] AS detail
FROM points
ORDER BY ts, kind, point, detail
