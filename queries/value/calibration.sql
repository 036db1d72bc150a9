-- title: Do ten percent mean ten percent?
-- description: Customers in groups of the same size by the probability to order in the holdout, as a model
--   fitted on the orders before it says, and how many of them did. Expected and actual go hand in hand
--   where the probabilities can be taken at their word.
-- param: holdout INTERVAL = '30 days' -- the last part of the log, which the model does not know
-- param: groups INT = 10 -- how many groups
-- column: tenth -- the group: 1 has the lowest probabilities; equal ones are in one group
-- column: customers -- customers in the group
-- column: lowest -- their lowest probability to order
-- column: highest -- their highest
-- column: expected -- percent who are expected to order
-- column: actual -- percent who did
-- chart: line x=expected y=actual
SELECT
  "group" AS tenth,
  n AS customers,
  round(lowest, 4) AS lowest,
  round(highest, 4) AS highest,
  round(100 * expected, 1) AS expected,
  round(100 * actual, 1) AS actual
FROM evaluate_model(orders, holdout => $holdout, report => 'calibration', groups => $groups)
ORDER BY tenth
