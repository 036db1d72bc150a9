-- title: From visit to order, by channel
-- description: How many visits come to each step of a purchase, by the channel that won the customer. Visits
--   count, not customers: who comes back starts anew. An order on a later visit is that visit's.
-- param: steps TEXT = 'page_view, add_to_cart, checkout, purchase' -- two to six types of events, in order
-- param: silence INTERVAL = '30 minutes' -- a visit is over after so long without an event
-- column: channel -- of the customer's first event that has one
-- column: step_no -- number of the step
-- column: step -- type of the event
-- column: visits -- how many came so far
-- column: rate -- percent of the visits that began
-- column: step_rate -- percent of those at the step before
-- column: minutes -- median minutes since the step before
-- chart: funnel x=step y=visits by=channel
WITH won AS (
  SELECT customer_id, first_value(channel ORDER BY ts, channel) AS won_by
  FROM events
  WHERE channel IS NOT NULL
  GROUP BY customer_id
), visits AS (
  SELECT
    events.customer_id, ts, event_type,
    coalesce(won_by, '(unknown)') AS won_by,
    sessionize(ts, $silence) OVER (PARTITION BY events.customer_id ORDER BY ts) AS visit
  FROM events
  LEFT JOIN won ON won.customer_id = events.customer_id
), counted AS (
  SELECT *
  FROM funnel(
    visits,
    steps => [
      event_type = trim(split_part($steps, ',', 1)),
      event_type = trim(split_part($steps, ',', 2)),
      event_type = trim(split_part($steps, ',', 3)),
      event_type = trim(split_part($steps, ',', 4)),
      event_type = trim(split_part($steps, ',', 5)),
      event_type = trim(split_part($steps, ',', 6))
    ],
    window => INTERVAL '365 days',
    per => 'session',
    session => visit,
    by => won_by
  )
)
SELECT
  "group" AS channel,
  step_no,
  trim(split_part($steps, ',', step_no)) AS step,
  reached AS visits,
  round(100 * rate_total, 1) AS rate,
  round(100 * rate_step, 1) AS step_rate,
  round(median_seconds / 60, 1) AS minutes
FROM counted
WHERE "group" IS NOT NULL AND trim(split_part($steps, ',', step_no)) <> ''
ORDER BY channel, step_no
