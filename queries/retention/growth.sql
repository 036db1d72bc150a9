-- title: Where growth comes from
-- description: Customers of each month: new, kept from the month before, or back after a pause; and those
--   of the month before who stayed away. A month that is not over is left out.
-- column: month -- first day of the month
-- column: customers -- customers with an order
-- column: new -- for the first time
-- column: kept -- also in the month before
-- column: back -- before, but not in the month before
-- column: lost -- in the month before, not in this one
-- column: quick_ratio -- new and back per lost; none if nobody was lost
-- chart: line y=customers
SELECT
  CAST(period AS DATE) AS month,
  active AS customers,
  new,
  retained AS kept,
  resurrecting AS back,
  dormant AS lost,
  round(quick_ratio, 2) AS quick_ratio
FROM growth_accounting(orders, unit => 'month')
WHERE complete
ORDER BY month
