-- title: Categories whose sales changed level
-- description: When the weekly revenue of a category went to another level for good, by exact change
--   point detection: the greatest changes first. Only whole weeks count: not the first, not the last.
-- param: top INT = 20 -- how many changes
-- column: category -- category of the product
-- column: week -- first week of the new level
-- column: before -- mean weekly revenue before
-- column: after -- mean weekly revenue after
-- column: change -- the difference
-- column: direction -- up or down
WITH whole_weeks AS (
  SELECT
    date_trunc('week', min(summary['first_ts'])) AS first_week,
    date_trunc('week', max(summary['as_of'])) AS this_week
  FROM summaries
), weekly AS (
  SELECT category, date_trunc('week', ts) AS week, monetary(amount) AS revenue
  FROM events
  WHERE event_type = 'purchase'
  GROUP BY category, date_trunc('week', ts)
), points AS (
  SELECT category, unnest(change_points(week, revenue, unit => INTERVAL '7 days')) AS p
  FROM weekly
  CROSS JOIN whole_weeks
  WHERE week > first_week AND week < this_week
  GROUP BY category
)
SELECT
  category,
  CAST(p['ts'] AS DATE) AS week,
  round(p['before'], 0) AS before,
  round(p['after'], 0) AS after,
  round(p['change'], 0) AS change,
  p['direction'] AS direction
FROM points
ORDER BY abs(p['change']) DESC, category, p['ts']
LIMIT $top
