-- title: Drop-off reasons
-- description: What goes with giving up on the way to an order: visits that began and came to no order, against
--   those that came to one, by what happened in between, the category and the channel of the beginning, and
--   whether the customer was there for the first time. Steps that lead to the goal have low odds. It shows
--   what goes together, not what causes it.
-- param: start TEXT = 'add_to_cart' -- the event that begins the way
-- param: goal TEXT = 'purchase' -- the event it shall lead to
-- param: silence INTERVAL = '30 minutes' -- a visit is over after so long without an event
-- param: within INTERVAL = '1 day' -- how long after the beginning the goal counts
-- param: least INT = 25 -- how many visits must have met a reason
-- column: reason -- what happened, or how the visit began
-- column: dropped_out -- visits with it that did not come to the goal
-- column: went_on -- visits with it that did
-- column: rate -- percent of them that dropped out
-- column: odds -- odds of dropping out with it, by the odds without
-- column: odds_low -- lower bound of the odds, 95 %
-- column: odds_high -- upper bound
-- column: q_value -- share of false findings among those that are no less sure
-- chart: bar x=reason y=rate
WITH visits AS (
  SELECT
    customer_id, ts, event_type, category, channel,
    sessionize(ts, $silence) OVER (PARTITION BY customer_id ORDER BY ts) AS visit
  FROM events
), beginnings AS (
  SELECT
    customer_id, ts, visit,
    unnest([
      'category ' || category,
      'channel ' || channel,
      CASE WHEN visit = 1 THEN 'first visit' END
    ]) AS reason
  FROM visits
  WHERE event_type = $start
), met AS (
  SELECT customer_id, ts, visit, event_type AS step, event_type AS reason FROM visits
  UNION ALL
  SELECT customer_id, ts, visit, NULL, reason FROM beginnings
)
SELECT
  factor AS reason,
  failure AS dropped_out,
  success AS went_on,
  round(100.0 * failure / (failure + success), 1) AS rate,
  round(1 / odds_ratio, 2) AS odds,
  round(1 / ci_high, 2) AS odds_low,
  round(1 / ci_low, 2) AS odds_high,
  round(q_value, 4) AS q_value
FROM funnel_correlation(
  met,
  steps => {'start': step = $start, 'goal': step = $goal},
  window => $within,
  per => 'session',
  session => visit,
  factor => reason,
  min_count => $least
)
ORDER BY odds DESC, reason
