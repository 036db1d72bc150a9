"""The same lake through the doors that other programs know: DB-API, SQLAlchemy, ADBC, datafusion.

    python examples/python/programs.py
"""

import datafusion
import sqlalchemy
import tenure
import tenure.adbc
from tenure import dbapi

SQL = "SELECT count(*) FROM orders WHERE amount > $1"

with dbapi.connect("data/retail", as_of="2018-01-01") as connection:
    print("DB-API", connection.execute(SQL, [100.0]).fetchone())

engine = sqlalchemy.create_engine("tenure:///data/retail?as_of=2018-01-01")
with engine.connect() as connection:
    text = sqlalchemy.text("SELECT count(*) FROM orders WHERE amount > :least")
    print("SQLAlchemy", connection.execute(text, {"least": 100.0}).one())

with tenure.adbc.connect("data/retail", tenure__as_of="2018-01-01") as connection:
    with connection.cursor() as cursor:
        cursor.execute(SQL, [100.0])
        print("ADBC", cursor.fetchone())

# Tenure's functions in a session of the stock package
context = datafusion.SessionContext()
tenure.register(context)
context.register_parquet("orders", "data/retail/orders/")
print(context.sql("SELECT stage_label('at_risk') AS stage, count(*) AS orders FROM orders"))
