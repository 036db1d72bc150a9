"""Who is about to leave, and what is at stake: SQL in, a Polars frame out.

    python examples/python/who_will_leave.py
"""

import polars as pl
import tenure

t = tenure.open("data/retail", as_of="2018-01-01")

# plain SQL on the view of customers
stages = t.sql(
    "SELECT stage, count(*) AS customers, sum(revenue) AS revenue "
    "FROM profiles GROUP BY stage ORDER BY revenue DESC"
)
print(stages)

# values go in as parameters, rows come out as a frame
leaving = t.sql(
    "SELECT customer_id, churn_prob, clv FROM profiles WHERE churn_prob > $risk ORDER BY clv DESC",
    {"risk": 0.5},
).to_polars()
print(leaving.select(pl.len(), pl.col("clv").sum()))

# a question of the query library, and the picture that comes with it
question = t.run("churn/at_risk", top=5)
print(question.chart(width=60))

# the same lake half a year earlier: what came later does not exist
with tenure.open("data/retail", as_of="2017-07-01") as earlier:
    print(earlier.sql("SELECT count(*) AS orders FROM orders"))
