"""SQLAlchemy with both drivers, and pandas on it: what Superset does."""

import pandas as pd
import sqlalchemy as sa
from connect import URL

for driver in ("psycopg", "psycopg2"):
    engine = sa.create_engine(f"postgresql+{driver}://{URL}")
    inspector = sa.inspect(engine)
    assert {"main", "raw", "tenure"} <= set(inspector.get_schema_names())
    assert "campaigns" in inspector.get_table_names(schema="raw")
    assert "profiles" in inspector.get_view_names(schema="main")
    columns = {c["name"]: c["type"] for c in inspector.get_columns("orders", schema="main")}
    assert isinstance(columns["customer_id"], sa.BIGINT) and isinstance(columns["ts"], sa.TIMESTAMP), columns
    assert inspector.get_pk_constraint("orders", schema="main")["constrained_columns"] == []
    assert inspector.get_foreign_keys("orders", schema="main") == []
    # without a schema: what a bare name means
    bare = [c["name"] for c in inspector.get_columns("orders")]
    assert bare == [c["name"] for c in inspector.get_columns("orders", schema="main")], bare
    assert len(inspector.get_table_names()) == len(set(inspector.get_table_names()))
    assert "event_types" not in inspector.get_table_names()
    assert list(pd.read_sql_table("orders", engine).columns) == bare
    with engine.connect() as c:
        frame = pd.read_sql(
            sa.text("SELECT stage, count(*) AS n, sum(revenue) AS revenue FROM profiles WHERE orders > :least GROUP BY 1 ORDER BY 1"),
            c,
            params={"least": 3},
        )
        assert list(frame.columns) == ["stage", "n", "revenue"] and frame["n"].sum() > 1000
        table = sa.Table("orders", sa.MetaData(), autoload_with=engine, schema="main")
        total = c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        parts = pd.read_sql("SELECT customer_id FROM orders", c, chunksize=5000)
        assert sum(len(p) for p in parts) == total
print("ok")
