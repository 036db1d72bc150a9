-- title: Orders that keep falling
-- description: Whose last orders were each smaller than the one before, up to now: from the order that
--   began the fall to the last one. Who has lost most comes first.
-- param: falls INT = 4 -- how many orders in a row were smaller than the one before
-- param: top INT = 20 -- how many customers
-- column: customer_id -- the customer
-- column: falls -- orders that were smaller than the one before
-- column: since -- the order before the first of them
-- column: from_amount -- its amount
-- column: to_amount -- amount of the last order
-- column: lost -- percent of the amount that is lost
-- column: days -- days of the fall
SELECT
  customer_id,
  falls,
  since,
  round(from_amount, 2) AS from_amount,
  round(to_amount, 2) AS to_amount,
  round(100.0 * (from_amount - to_amount) / nullif(from_amount, 0), 1) AS lost,
  round((date_part('epoch', until) - date_part('epoch', since)) / 86400, 1) AS days
FROM orders MATCH_RECOGNIZE (
  PARTITION BY customer_id
  ORDER BY ts, order_id
  MEASURES
    count(smaller.*) AS falls,
    start.ts AS since,
    LAST(smaller.ts) AS until,
    start.amount AS from_amount,
    LAST(smaller.amount) AS to_amount
  PATTERN (start smaller+ $)
  DEFINE smaller AS amount < PREV(amount)
)
WHERE falls >= $falls
ORDER BY from_amount - to_amount DESC, customer_id
LIMIT $top
