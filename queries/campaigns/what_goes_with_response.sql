-- title: What goes with a response
-- description: Which products the customers bought between the sending of a campaign and their response,
--   against those who were sent one and did not respond within the window. Who responds early has had
--   less time to buy anything, so compare the categories with each other; it shows what goes together,
--   not what causes it.
-- param: within INTERVAL = '45 days' -- how long after the sending a response counts
-- param: least INT = 25 -- how many customers must have bought of a category
-- column: category -- what was bought
-- column: responded -- buyers who responded
-- column: did_not -- buyers who did not
-- column: odds -- odds of a response with it, by the odds without
-- column: odds_low -- lower bound of the odds, 95 %
-- column: odds_high -- upper bound
-- column: q_value -- share of false findings among those that are no less sure
SELECT
  factor AS category,
  success AS responded,
  failure AS did_not,
  round(odds_ratio, 2) AS odds,
  round(ci_low, 2) AS odds_low,
  round(ci_high, 2) AS odds_high,
  round(q_value, 4) AS q_value
FROM funnel_correlation(
  events,
  steps => {
    'sent': event_type IN ('campaign_sent', 'email_sent'),
    'responded': event_type IN ('coupon_redeemed', 'email_click')
  },
  window => $within,
  factor => CASE WHEN event_type = 'purchase' THEN category END,
  min_count => $least
)
ORDER BY odds DESC, category
