"""SQLAlchemy."""

import datetime

import pandas
import pyarrow as pa
import pytest
import sqlalchemy
from sqlalchemy import func, select

from conftest import AS_OF, LAKE


@pytest.fixture
def engine():
    engine = sqlalchemy.create_engine(f"tenure:///{LAKE}?as_of={AS_OF}&horizon=30 days")
    yield engine
    engine.dispose()


def test_text_with_parameters(engine):
    with engine.connect() as connection:
        found = connection.execute(
            sqlalchemy.text("SELECT count(*) FROM orders WHERE amount > :least AND ts < :before"),
            {"least": 10.5, "before": datetime.datetime(2017, 7, 1)},
        ).scalar_one()
        assert found > 0
        shown = connection.execute(sqlalchemy.text("SHOW tenure.horizon")).fetchone()
        assert shown[-1] == "30 days"


def test_reflection(engine):
    inspector = sqlalchemy.inspect(engine)
    assert set(inspector.get_schema_names()) == {"main", "raw", "tenure"}
    assert {"orders", "profiles"} <= set(inspector.get_view_names())
    assert "orders" in inspector.get_table_names(schema="raw")
    columns = {c["name"]: c["type"] for c in inspector.get_columns("orders")}
    assert list(columns)[:3] == ["customer_id", "order_id", "ts"]
    assert isinstance(columns["ts"], sqlalchemy.types.TIMESTAMP)
    # 1.4 has no DOUBLE
    assert isinstance(columns["amount"], getattr(sqlalchemy.types, "DOUBLE", sqlalchemy.types.FLOAT))
    assert columns["amount"].compile(engine.dialect) == "DOUBLE"
    assert inspector.has_table("orders") and not inspector.has_table("odrers")
    with pytest.raises(sqlalchemy.exc.NoSuchTableError):
        inspector.get_columns("odrers")
    assert inspector.get_pk_constraint("orders")["constrained_columns"] == []
    assert inspector.get_foreign_keys("orders") == []


def test_statements_are_built(engine):
    orders = sqlalchemy.Table("orders", sqlalchemy.MetaData(), autoload_with=engine)
    statement = (
        select(orders.c.customer_id, func.sum(orders.c.amount).label("total"))
        .where(orders.c.amount.between(1, 1000), orders.c.ts >= datetime.date(2017, 1, 1))
        .group_by(orders.c.customer_id)
        .order_by(sqlalchemy.desc("total"), orders.c.customer_id)
        .limit(3)
        .offset(1)
    )
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
        assert len(rows) == 3 and rows[0].total >= rows[1].total
        chosen = [row.customer_id for row in rows]
        statement = select(func.count()).select_from(orders).where(orders.c.customer_id.in_(chosen))
        assert connection.execute(statement).scalar_one() > 0


def test_lengths_of_time(engine):
    orders = sqlalchemy.Table("orders", sqlalchemy.MetaData(), autoload_with=engine)
    last, day = func.max(orders.c.ts), datetime.timedelta(days=1)
    odd = datetime.timedelta(days=-8, hours=3, microseconds=5)
    with engine.connect() as connection:
        newest = connection.execute(select(last)).scalar_one()
        week_before = connection.execute(select(last - 7 * day)).scalar_one()
        assert week_before == newest - 7 * day
        oldest, span = connection.execute(select(func.min(orders.c.ts), last - func.min(orders.c.ts))).one()
        assert span == newest - oldest
        statement = select(func.count()).select_from(orders).where(orders.c.ts + day > newest)
        assert connection.execute(statement).scalar_one() > 0
        now, before = connection.execute(select(func.now(), func.now() - 3500 * day)).one()
        assert now - before == 3500 * day
        assert connection.execute(select(sqlalchemy.literal(odd))).scalar_one() == odd
        written = sqlalchemy.bindparam(None, odd, literal_execute=True)
        assert connection.execute(select(written)).scalar_one() == odd
        # a month has no fixed length
        month = sqlalchemy.literal_column("INTERVAL '1 month 2 days'", sqlalchemy.Interval)
        assert connection.execute(select(month)).scalar_one() == pa.MonthDayNano([1, 2, 0])


def test_lengths_of_time_are_kept_in_tables(engine):
    table = sqlalchemy.Table(
        "spans",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("n", sqlalchemy.BigInteger),
        sqlalchemy.Column("span", sqlalchemy.Interval),
    )
    rows = [(1, datetime.timedelta(days=2, microseconds=3)), (2, None), (3, datetime.timedelta(-1))]
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"n": n, "span": span} for n, span in rows])
        assert connection.execute(select(table).order_by(table.c.n)).all() == rows
        statement = select(table.c.n).where(table.c.span == datetime.timedelta(-1))
        assert connection.execute(statement).scalars().all() == [3]
        connection.execute(sqlalchemy.text("CREATE TABLE gaps AS SELECT now() - now() AS gap"))
    for name in ("spans", "gaps"):
        kind = sqlalchemy.inspect(engine).get_columns(name)[-1]["type"]
        assert kind.python_type is datetime.timedelta


def test_regular_expressions(engine):
    words = sqlalchemy.values(sqlalchemy.column("w", sqlalchemy.String), name="words")
    words = words.data([("fuel",), ("FUEL",), ("store",), ("a\nfuel",)])
    word = words.c.w

    def found(condition):
        with engine.connect() as connection:
            return sorted(connection.execute(select(word).where(condition)).scalars())

    assert found(word.regexp_match("^fu")) == ["fuel"]
    assert found(~word.regexp_match("^fu")) == ["FUEL", "a\nfuel", "store"]
    assert found(word.regexp_match("^fu", flags="i")) == ["FUEL", "fuel"]
    assert found(~word.regexp_match("^fu", flags="i")) == ["a\nfuel", "store"]
    assert found((word + "s").regexp_match("^FUELS$", flags="im")) == ["FUEL", "a\nfuel", "fuel"]
    assert found(~word.regexp_match("^FUEL", flags="im")) == ["store"]
    assert found(word.regexp_replace("^(.)(.)", r"\2\1") == "ufel") == ["fuel"]
    assert found(word.regexp_replace("[EU]", "", flags="gi") == "fl") == ["fuel"]


def test_the_first_rows(engine):
    numbers = select(func.generate_series(1, 5).table_valued("value", name="numbers").c.value)
    with engine.connect() as connection:
        assert connection.execute(numbers.order_by("value").fetch(2)).scalars().all() == [1, 2]
        statement = numbers.order_by("value").fetch(sqlalchemy.bindparam("n") + 1)
        assert connection.execute(statement, {"n": 2}).scalars().all() == [1, 2, 3]
        statement = numbers.order_by("value").offset(3).fetch(5)
        assert connection.execute(statement).scalars().all() == [4, 5]
        with pytest.raises(sqlalchemy.exc.CompileError, match="with_ties"):
            connection.execute(numbers.order_by("value").fetch(2, with_ties=True))
        with pytest.raises(sqlalchemy.exc.CompileError, match="percent"):
            connection.execute(numbers.order_by("value").fetch(2, percent=True))


def test_the_only_isolation_level(engine):
    for level in ("AUTOCOMMIT", "autocommit"):
        at_once = sqlalchemy.create_engine(f"tenure:///{LAKE}", isolation_level=level)
        with at_once.connect() as connection:
            assert connection.get_isolation_level() == "AUTOCOMMIT"
            assert connection.default_isolation_level == "AUTOCOMMIT"
            assert connection.execute(select(1)).scalar_one() == 1
        at_once.dispose()
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        assert connection.execute(select(1)).scalar_one() == 1
    with engine.connect() as connection:
        with pytest.raises(sqlalchemy.exc.ArgumentError, match="levels for 'tenure' are AUTOCOMMIT"):
            connection.execution_options(isolation_level="SERIALIZABLE")
    with pytest.raises(sqlalchemy.exc.ArgumentError, match="levels for 'tenure' are AUTOCOMMIT"):
        sqlalchemy.create_engine(f"tenure:///{LAKE}", isolation_level="SERIALIZABLE")


def test_tables_are_made_and_written(engine):
    frame = pandas.DataFrame({"n": [1, 2], "s": ["a", "b"], "on": [True, False]})
    frame.to_sql("made", engine, index=False)
    found = pandas.read_sql_table("made", engine).sort_values("n")
    assert list(found["s"]) == ["a", "b"] and list(found["on"]) == [True, False]
    found = pandas.read_sql("SELECT sum(n) AS s FROM made", engine)
    assert list(found["s"]) == [3]


def test_columns_of_every_type_come_back_as_they_were(engine):
    import decimal

    frame = pandas.DataFrame(
        {
            "n": [2**53 + 1, 2],
            "x": [0.1, 1 / 3],
            "s": ["a" * 300, None],
            "at": pandas.to_datetime(["2017-07-01 12:30:00.000005", "2018-01-01"], format="ISO8601"),
            "day": [datetime.date(2017, 7, 1), None],
            "on": [True, False],
        }
    )
    frame.to_sql("typed", engine, index=False)
    found = pandas.read_sql("SELECT * FROM typed ORDER BY x", engine)
    assert list(found["n"]) == list(frame["n"])
    assert list(found["x"]) == list(frame["x"])
    assert list(found["at"]) == list(frame["at"])
    assert found["day"][0] == frame["day"][0]
    table = sqlalchemy.Table(
        "more",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("d", sqlalchemy.Numeric(10, 2)),
        sqlalchemy.Column("b", sqlalchemy.LargeBinary),
        sqlalchemy.Column("at", sqlalchemy.DateTime),
        sqlalchemy.Column("t", sqlalchemy.Text),
        sqlalchemy.Column("r", sqlalchemy.REAL),
    )
    row = (decimal.Decimal("12.50"), b"\x00\xff", datetime.datetime(2017, 7, 1, 12), "x", 0.5)
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), [dict(zip(table.c.keys(), row))])
        assert connection.execute(select(table)).all() == [row]
        assert type(connection.execute(select(table.c.at)).scalar_one()) is datetime.datetime
    kinds = {c["name"]: c["type"] for c in sqlalchemy.inspect(engine).get_columns("more")}
    assert isinstance(kinds["d"], sqlalchemy.types.NUMERIC) and kinds["d"].scale == 2
    assert isinstance(kinds["b"], sqlalchemy.types.LargeBinary)
    assert isinstance(kinds["at"], sqlalchemy.types.TIMESTAMP) and not kinds["at"].timezone
    assert isinstance(kinds["r"], sqlalchemy.types.REAL)


def test_errors_are_those_of_the_dbapi(engine):
    with engine.connect() as connection:
        with pytest.raises(sqlalchemy.exc.ProgrammingError) as e:
            connection.execute(sqlalchemy.text("SELECT amuont FROM orders"))
        assert e.value.orig.sqlstate == "42703"
        # the connection is still good
        assert connection.execute(sqlalchemy.text("SELECT 1")).scalar_one() == 1


def test_names_that_need_quotes(engine):
    table = sqlalchemy.Table(
        "Odd Name",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("Upper", sqlalchemy.BigInteger),
        sqlalchemy.Column("select", sqlalchemy.String),
    )
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"Upper": 1, "select": "x"}, {"Upper": 2, "select": None}])
        assert connection.execute(select(table).order_by(table.c.Upper)).all() == [(1, "x"), (2, None)]
        table.drop(connection)
    assert not sqlalchemy.inspect(engine).has_table("Odd Name")
    # what is bound has the columns' names, which are to stay apart
    names = ["a b", "a_b", "a.b", "a-b", "a:b", "x%y", "$q", 'a"b', "1", "1st", "é", "€ naïve"]
    row = dict(zip(names, range(len(names))))
    odd = sqlalchemy.Table(
        "odd", sqlalchemy.MetaData(), *(sqlalchemy.Column(name, sqlalchemy.BigInteger) for name in names)
    )
    with engine.begin() as connection:
        odd.create(connection)
        connection.execute(odd.insert(), [row])
        for held in (
            [column == row[column.name] for column in odd.c],
            [column.in_([row[column.name], -1]) for column in odd.c],
        ):
            assert connection.execute(select(odd).where(*held)).all() == [tuple(row.values())]


def test_where_a_lake_may_be():
    from tenure.sqlalchemy import TenureDialect

    def place(url):
        args, options = TenureDialect().create_connect_args(sqlalchemy.engine.make_url(url))
        return args[0], options

    assert place("tenure:///data/retail")[0] == "data/retail"
    assert place("tenure://data/retail")[0] == "data/retail"
    assert place("tenure:////srv/retail")[0] == "/srv/retail"
    lake, options = place("tenure:///s3://bucket/lake?store.region=eu-west-2&threads=2&read_only=true")
    assert lake == "s3://bucket/lake"
    assert options == {
        "store": {"region": "eu-west-2"}, "settings": {}, "threads": 2, "read_only": True
    }
    assert place("tenure://")[0] is None
