-- title: What follows what
-- description: What customers do next after each thing that they do, and how soon. An order is one step,
--   however many products it has. path_start is the first thing a customer ever does, path_end that
--   nothing has followed so far.
-- column: step -- what happened
-- column: next_step -- what happened next
-- column: times -- how often
-- column: share -- percent of all that followed the step
-- column: hours -- median hours between them
-- chart: heat y=share
SELECT
  step, next_step,
  n AS times,
  round(100.0 * p, 1) AS share,
  round(median_seconds / 3600, 1) AS hours
FROM path_transitions((
  SELECT customer_id, ts, event_type FROM events WHERE event_type <> 'purchase'
  UNION ALL
  SELECT customer_id, ts, 'purchase' FROM orders
))
ORDER BY step <> 'path_start', step, times DESC, next_step
