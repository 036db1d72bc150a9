-- title: Customers who turned lately
-- description: Who lapsed, came back or changed within a span of time, with the last such turn, the most
--   valuable first: the list to act on today. Milestones such as the tenth order do not count.
-- param: within INTERVAL = '30 days' -- how old the turn may be
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: point -- what happened
-- column: ts -- when
-- column: before -- level before, where there is one
-- column: after -- level after, where there is one
-- column: stage -- where in the life cycle
-- column: revenue -- what the customer brought so far
-- column: churn_prob -- probability of no order within the session's horizon
WITH today AS (
  SELECT max(summary['as_of']) AS as_of FROM summaries
), points AS (
  SELECT customer_id, unnest(turning_points(ts, event_type, amount)) AS p
  FROM events
  GROUP BY customer_id
), turns AS (
  SELECT
    customer_id, p,
    row_number() OVER (PARTITION BY customer_id ORDER BY p['ts'] DESC, p['kind'], p['point']) AS age
  FROM points
  WHERE p['kind'] NOT IN ('milestone', 'key_point')
)
SELECT
  t.customer_id,
  t.p['point'] AS point,
  t.p['ts'] AS ts,
  round(t.p['before'], 2) AS before,
  round(t.p['after'], 2) AS after,
  profiles.stage,
  round(profiles.revenue, 2) AS revenue,
  round(profiles.churn_prob, 3) AS churn_prob
FROM turns AS t
JOIN profiles ON profiles.customer_id = t.customer_id
CROSS JOIN today
WHERE t.age = 1 AND t.p['ts'] > today.as_of - $within
ORDER BY revenue DESC, customer_id
LIMIT $top
