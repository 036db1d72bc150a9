"""The ADBC driver in the package, and Tenure's functions in the stock `datafusion` package."""

import datetime

import datafusion
import pyarrow as pa
import pyarrow.parquet
import pytest
import tenure
import tenure.adbc

from conftest import AS_OF, LAKE


def test_the_package_is_an_adbc_driver():
    with tenure.adbc.connect(LAKE, tenure__as_of=AS_OF, read_only=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM orders WHERE amount > $1", [10.0])
            assert cursor.fetchone()[0] > 0
            with pytest.raises(connection.ProgrammingError) as e:
                cursor.execute("SELECT amuont FROM orders")
            assert e.value.sqlstate == "42703"
        assert connection.adbc_get_info()["vendor_name"] == "Tenure"


@pytest.fixture(scope="module")
def events():
    """A table of events in a stock context with Tenure's functions."""
    context = datafusion.SessionContext()
    count = tenure.register(context)
    assert count > 70
    start = datetime.datetime(2017, 1, 1)
    hours = datetime.timedelta(hours=1)
    rows = [
        (customer, start + hours * (step * 7 + customer), event)
        for customer in range(200)
        for step, event in enumerate(["view", "cart", "purchase", "view"][: 1 + customer % 4])
    ]
    table = pa.table(
        {
            "customer": [r[0] for r in rows],
            "ts": pa.array([r[1] for r in rows], pa.timestamp("us")),
            "event": [r[2] for r in rows],
        }
    )
    context.from_arrow(table, "events")
    with tenure.open() as own:
        own.register("events", table)
        yield context, own


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT stage_label('at_risk') AS x",
        "SELECT customer, window_funnel('2 days', ts, event = 'view', event = 'cart', "
        "event = 'purchase') AS x FROM events GROUP BY customer ORDER BY customer",
        "SELECT window_funnel('2 days', ts, event = 'view', event = 'cart') AS x FROM events",
        "SELECT customer, ts, sessionize(ts, INTERVAL '8 hours') OVER "
        "(PARTITION BY customer ORDER BY ts) AS x FROM events ORDER BY customer, ts",
        "SELECT customer, customer_summary(ts, 1.0, TIMESTAMP '2017-02-01') AS x "
        "FROM events GROUP BY customer ORDER BY customer",
    ],
    ids=["scalar", "aggregate", "ungrouped", "window", "summary"],
)
def test_functions_answer_as_in_tenure(events, sql):
    context, own = events
    expected = own.sql(sql).to_arrow()
    found = pa.Table.from_batches(context.sql(sql).collect())
    assert found["x"].to_pylist() == expected["x"].to_pylist()


def test_the_examples_of_all_functions_answer_as_in_tenure():
    """Every example that a stock session can plan has the same answer there."""
    context = datafusion.SessionContext()
    tenure.register(context)
    agree, refused = 0, {}
    with tenure.open(as_of=AS_OF) as own:
        for function in own.functions().to_pylist():
            example = own.function(function["name"])["example"]
            if not function["tenure"] or function["kind"] == "table":
                continue
            lines = [line for line in example.split("\n") if not line.startswith("-- ")]
            sql = "\n".join(lines).rstrip().rstrip(";")
            if ";" in sql:
                continue
            expected = own.sql(sql).to_arrow()
            try:
                found = pa.Table.from_batches(context.sql(sql).collect())
            except Exception as e:
                refused[function["name"]] = str(e)
                continue
            # columns are named after other texts
            found = found.rename_columns(expected.column_names)
            assert found.to_pydict() == expected.to_pydict(), sql
            agree += 1
    assert agree > 50, refused
    # defaults, named arguments and `struct.field` are Tenure's dialect
    assert len(refused) < 15, refused


def test_another_major_is_refused(monkeypatch):
    monkeypatch.setattr(datafusion, "__version__", "54.1.0")
    with pytest.raises(tenure.InterfaceError, match="datafusion 55, not 54.1.0"):
        tenure.register(datafusion.SessionContext())
