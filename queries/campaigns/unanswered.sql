-- title: Messages left unanswered
-- description: Who has been written to again and again and has not answered any of it up to now: no open,
--   no click, no coupon since. The longest silence in messages comes first, then the most valuable customer.
-- param: messages INT = 3 -- how many messages in a row
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: messages -- messages without an answer
-- column: first_message -- the first of them
-- column: last_message -- the last of them
-- column: last_answer -- the answer before them, NULL if there was never one
-- column: revenue -- what the customer has spent in all
WITH talk AS (
  SELECT customer_id, ts, event_type
  FROM events
  WHERE event_type IN ('campaign_sent', 'email_sent', 'email_open', 'email_click', 'coupon_redeemed')
), spent AS (
  SELECT customer_id, monetary(amount) AS revenue FROM orders GROUP BY customer_id
)
SELECT
  customer_id,
  messages,
  first_message,
  last_message,
  last_answer,
  round(revenue, 2) AS revenue
FROM talk MATCH_RECOGNIZE (
  PARTITION BY customer_id
  ORDER BY ts, event_type
  MEASURES
    count(sent.*) AS messages,
    FIRST(sent.ts) AS first_message,
    LAST(sent.ts) AS last_message,
    PREV(FIRST(sent.ts)) AS last_answer
  PATTERN (sent+ $)
  DEFINE sent AS event_type IN ('campaign_sent', 'email_sent')
) AS silence
LEFT JOIN spent USING (customer_id)
WHERE messages >= $messages
ORDER BY messages DESC, revenue DESC NULLS LAST, customer_id
LIMIT $top
