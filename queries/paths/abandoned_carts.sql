-- title: Abandoned carts
-- description: Who put something into a cart, left without paying, and has not ordered to this day: whom to
--   remind. What is in the last cart is worth the amounts of its events, or else what others pay for such
--   products. A cart whose window is not over waits and is not abandoned yet.
-- param: within INTERVAL = '1 day' -- how long a cart may wait after what was last done with it
-- param: top INT = 20 -- how many customers, the fullest carts first
-- column: customer_id -- the customer
-- column: worth -- what is in the last cart, NULL if nothing tells
-- column: pieces -- how many pieces that is
-- column: products -- of how many products
-- column: last_left -- when something was last done with it
-- column: carts_left -- carts left in all
-- column: carts_bought -- carts paid for
-- column: revenue -- what the customer brought so far
-- chart: bar y=worth
WITH steps AS (
  SELECT
    customer_id, ts, event_type, product_id, amount, coalesce(quantity, 1) AS quantity,
    event_type IN ('add_to_cart', 'checkout') AS fills,
    event_type IN ('payment', 'purchase') AS pays
  FROM events
  WHERE event_type IN ('add_to_cart', 'remove_from_cart', 'checkout', 'payment', 'purchase')
), carts AS (
  SELECT customer_id, abandoned($within, ts, fills, pays) AS c, max(ts) FILTER (WHERE pays) AS last_paid
  FROM steps
  GROUP BY customer_id
), left_behind AS (
  SELECT
    customer_id,
    c['last_abandoned_ts'] - $within AS last_left,
    c['abandoned'] AS carts_left,
    c['converted'] AS carts_bought
  FROM carts
  WHERE c['abandoned'] > 0 AND (last_paid IS NULL OR last_paid < c['last_abandoned_ts'] - $within)
), gaps AS (
  SELECT
    customer_id, ts, pays,
    lag(ts) OVER customer AS before,
    lag(pays) OVER customer AS paid_before
  FROM steps
  WHERE fills OR pays
  WINDOW customer AS (PARTITION BY customer_id ORDER BY ts, pays)
), begun AS (
  -- a cart begins with what is put in after a payment, or after a cart that was left
  SELECT g.customer_id, max(g.ts) AS since
  FROM gaps AS g
  JOIN left_behind AS l ON l.customer_id = g.customer_id
  WHERE g.ts <= l.last_left AND NOT pays AND (before IS NULL OR paid_before OR before + $within <= g.ts)
  GROUP BY g.customer_id
), prices AS (
  SELECT product_id, monetary(amount) / sum(coalesce(quantity, 1)) AS price
  FROM events
  WHERE event_type = 'purchase' AND product_id IS NOT NULL AND amount > 0 AND coalesce(quantity, 1) > 0
  GROUP BY product_id
), held AS (
  SELECT
    s.customer_id, s.product_id,
    sum(CASE event_type WHEN 'add_to_cart' THEN quantity ELSE -quantity END) AS pieces,
    monetary(CASE event_type WHEN 'add_to_cart' THEN amount ELSE -amount END) AS amount
  FROM steps AS s
  JOIN begun ON begun.customer_id = s.customer_id
  JOIN left_behind AS l ON l.customer_id = s.customer_id
  WHERE event_type IN ('add_to_cart', 'remove_from_cart') AND s.ts BETWEEN since AND last_left
  GROUP BY s.customer_id, s.product_id
), spent AS (
  SELECT customer_id, monetary(amount) AS revenue FROM orders GROUP BY customer_id
), contents AS (
  SELECT
    customer_id,
    monetary(coalesce(amount, price * pieces)) AS worth,
    sum(pieces) AS pieces,
    count(*) AS products
  FROM held
  LEFT JOIN prices ON prices.product_id = held.product_id
  WHERE pieces > 0
  GROUP BY customer_id
)
SELECT
  l.customer_id,
  round(worth, 2) AS worth,
  CAST(pieces AS BIGINT) AS pieces,
  products,
  last_left,
  carts_left,
  carts_bought,
  round(revenue, 2) AS revenue
FROM left_behind AS l
JOIN contents ON contents.customer_id = l.customer_id
LEFT JOIN spent ON spent.customer_id = l.customer_id
ORDER BY worth DESC NULLS LAST, last_left DESC, l.customer_id
LIMIT $top
