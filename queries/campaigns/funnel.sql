-- title: From campaign to order
-- description: How many of the customers who were sent a campaign redeemed a coupon or clicked, and how
--   many of those ordered after it, by type of campaign. Who was sent one less than the window ago may
--   still go on.
-- param: within INTERVAL = '45 days' -- how long after the sending the order counts
-- column: category -- type of the campaign that was sent
-- column: step_no -- number of the step
-- column: step -- what was done
-- column: customers -- how many came so far
-- column: rate -- percent of those who were sent one
-- column: step_rate -- percent of those at the step before
-- column: days -- median days since the step before
-- column: pending -- may still come
-- chart: funnel x=step y=customers by=category
SELECT
  "group" AS category,
  step_no, step,
  reached AS customers,
  round(100.0 * rate_total, 1) AS rate,
  round(100.0 * rate_step, 1) AS step_rate,
  round(median_seconds / 86400, 1) AS days,
  pending
FROM funnel(
  events,
  steps => {
    'sent': event_type IN ('campaign_sent', 'email_sent'),
    'responded': event_type IN ('coupon_redeemed', 'email_click'),
    'ordered': event_type = 'purchase'
  },
  window => $within,
  by => category
)
ORDER BY category, step_no
