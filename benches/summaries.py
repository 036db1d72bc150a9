"""What models of buying are fitted to: a row for each customer of the log, in days until its end.

`summaries.parquet`: frequency, recency and t. `customers.parquet`: the mean money of a day with
repeat purchases besides.
"""

import sys
from pathlib import Path

import duckdb

AS_OF = "2024-07-01"


def main():
    folder = Path(sys.argv[1])
    duckdb.sql("SET enable_progress_bar = false")
    duckdb.sql(f"""
        CREATE TABLE customers AS
        WITH days AS (
          SELECT customer_id, CAST(ts AS DATE) AS d, sum(amount) AS money FROM '{folder}/events/*.parquet'
          WHERE event_type = 'purchase' GROUP BY ALL)
        SELECT customer_id, count(*) - 1 AS frequency, CAST(max(d) - min(d) AS DOUBLE) AS recency,
               CAST(DATE '{AS_OF}' - min(d) AS DOUBLE) AS t,
               coalesce((sum(money) - arg_min(money, d)) / nullif(count(*) - 1, 0), 0) AS monetary_value
        FROM days GROUP BY customer_id ORDER BY customer_id""")
    duckdb.sql(f"COPY (SELECT frequency, recency, t FROM customers) TO '{folder}/summaries.parquet'")
    duckdb.sql(f"COPY customers TO '{folder}/customers.parquet'")


if __name__ == "__main__":
    main()
