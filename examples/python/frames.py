"""Frames of pandas and Polars as tables beside the lake's, and batches as they are made.

    python examples/python/frames.py
"""

import pandas as pd
import polars as pl
import tenure

t = tenure.open("data/retail", as_of="2018-01-01")

# a list that someone keeps in a sheet
t.register("visited", pd.DataFrame({"customer_id": ["1000", "2226", "2318"]}))
# and one that another program made
t.register("offers", pl.DataFrame({"stage": ["at_risk", "dormant"], "offer": ["call", "letter"]}))

print(
    t.sql(
        "SELECT p.customer_id, p.stage, o.offer, v.customer_id IS NOT NULL AS visited "
        "FROM profiles p JOIN offers o USING (stage) "
        "LEFT JOIN visited v ON v.customer_id = CAST(p.customer_id AS VARCHAR) "
        "ORDER BY visited DESC, p.revenue DESC LIMIT 5"
    ).to_pandas()
)

# an answer that is larger than memory is read as it is made
total = 0
for batch in t.sql("SELECT customer_id, ts, amount FROM orders").stream():
    total += batch.num_rows
print(total, "orders")
