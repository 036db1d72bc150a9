-- title: Categories whose sales changed level
-- description: When the weekly revenue of a category went to another level for good, by exact change
--   point detection: the greatest changes first. The last week may be a part of a week.
-- param: top INT = 20 -- how many changes
-- column: category -- category of the product
-- column: week -- first week of the new level
-- column: before -- mean weekly revenue before
-- column: after -- mean weekly revenue after
-- column: change -- the difference
-- column: direction -- up or down
WITH points AS (
  SELECT category, unnest(change_points(ts, amount, unit => INTERVAL '7 days')) AS p
  FROM events
  WHERE event_type = 'purchase'
  GROUP BY category
)
SELECT
  category,
  CAST(p['ts'] AS DATE) AS week,
  round(p['before'], 2) AS before,
  round(p['after'], 2) AS after,
  round(p['change'], 2) AS change,
  p['direction'] AS direction
FROM points
ORDER BY abs(p['change']) DESC, category, p['ts']
LIMIT $top
