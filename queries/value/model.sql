-- title: The models of repeat purchase
-- description: BG/NBD and MBG/NBD fitted on all customers. The greater log-likelihood fits better; r and
--   alpha say how often customers buy (r / alpha a day on average), a and b how soon they leave.
-- column: model -- bg_nbd or mbg_nbd
-- column: r -- shape of the purchase rates
-- column: alpha -- scale of the purchase rates, in days
-- column: a -- first parameter of the dropout probability
-- column: b -- second parameter of the dropout probability
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
  round(model['a'], 3) AS a,
  round(model['b'], 2) AS b,
  round(model['ll'], 1) AS log_likelihood,
  model['n'] AS customers,
  model['dropped'] AS dropped,
  model['converged'] AS converged
FROM fitted
ORDER BY model['model']
