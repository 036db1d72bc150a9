-- title: The models of repeat purchase
-- description: BG/NBD and MBG/NBD fitted on all customers: how often customers buy and how soon they
--   leave. The greater log-likelihood fits better.
-- column: model -- bg_nbd or mbg_nbd
-- column: r -- shape of the purchase rates: the smaller, the more customers differ
-- column: alpha -- scale of the purchase rates, in days
-- column: purchases_per_month -- days with orders in 30 days of a mean customer, r / alpha of them a day
-- column: dropout -- percent who leave after an order, the mean a / (a + b)
-- column: log_likelihood -- of the customers under the model
-- column: customers -- customers used
-- column: dropped -- customers whose figures were of no use
-- column: converged -- whether the fit came to its end
WITH fitted AS (
  SELECT bg_nbd_fit(summary) AS model FROM summaries
  UNION ALL
  SELECT mbg_nbd_fit(summary) AS model FROM summaries
)
SELECT
  model['model'] AS model,
  round(model['r'], 3) AS r,
  round(model['alpha'], 2) AS alpha,
  round(30 * model['r'] / model['alpha'], 2) AS purchases_per_month,
  round(100 * model['a'] / (model['a'] + model['b']), 3) AS dropout,
  round(model['ll'], 1) AS log_likelihood,
  model['n'] AS customers,
  model['dropped'] AS dropped,
  model['converged'] AS converged
FROM fitted
ORDER BY model
