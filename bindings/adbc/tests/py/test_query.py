"""Queries, parameters, streams, cancel, errors."""

import datetime
import decimal
import threading
import time

import pandas
import polars
import pyarrow
import pytest
from adbc_driver_manager import dbapi

from conftest import connect


def rows(cursor, sql, parameters=None):
    cursor.execute(sql, parameters)
    return cursor.fetchall()


def test_a_lake_is_asked_in_sql(cursor):
    found = rows(cursor, "SELECT stage, count(*) FROM profiles GROUP BY stage ORDER BY stage")
    assert {stage for stage, _ in found} >= {"at_risk", "churned"}
    assert rows(cursor, "SELECT stage_label('at_risk')") == [("At risk",)]


def test_answers_come_as_arrow_pandas_and_polars(connection, cursor):
    sql = "SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id ORDER BY customer_id"
    cursor.execute(sql)
    table = cursor.fetch_arrow_table()
    assert table.schema.names == ["customer_id", "n"]
    assert table.num_rows > 1000
    frame = pandas.read_sql(sql, connection)
    assert list(frame["n"]) == table["n"].to_pylist()
    frame = polars.read_database(sql, connection)
    assert frame["n"].to_list() == table["n"].to_pylist()


def test_settings_are_those_of_the_engine(cursor):
    assert rows(cursor, "SHOW tenure.as_of")[0][-1].startswith("2018-01-01")
    cursor.execute("SET tenure.horizon = '30 days'")
    assert rows(cursor, "SHOW tenure.horizon")[0][-1] == "30 days"


def test_every_setting_is_an_option():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, value FROM tenure.settings")
        settings = {name: value for name, value in cursor.fetchall()}
    settings = {name: value for name, value in settings.items() if value}
    assert len(settings) > 5
    settings |= {"tenure.horizon": "30 days", "datafusion.execution.batch_size": "4096"}
    with connect(**settings) as connection, connection.cursor() as cursor:
        for name, value in settings.items():
            assert rows(cursor, f"SHOW {name}")[0][-1] == value
        assert connection.adbc_connection.get_option("tenure.horizon") == "30 days"
        connection.adbc_connection.set_options(**{"tenure.horizon": "60 days"})
        assert rows(cursor, "SHOW tenure.horizon")[0][-1] == "60 days"


def test_limits_are_options():
    with connect(memory_limit=str(64 << 20), threads="1", read_only="true") as connection:
        with connection.cursor() as cursor:
            assert rows(cursor, "SHOW datafusion.execution.target_partitions")[0][-1] == "1"
            with pytest.raises(dbapi.Error) as e:
                cursor.execute("CREATE TABLE t AS SELECT 1")
            assert e.value.sqlstate == "25006"
    with pytest.raises(dbapi.ProgrammingError, match="there is no option memory"):
        connect(memory="1")
    with pytest.raises(dbapi.ProgrammingError, match="whole number above 0"):
        connect(threads="many")


@pytest.mark.parametrize(
    "value",
    [
        1,
        -5,
        2.5,
        True,
        "it's",
        b"\x00\xff",
        None,
        decimal.Decimal("12.50"),
        datetime.date(2017, 7, 1),
        datetime.datetime(2017, 7, 1, 12, 30, 0, 5),
        datetime.datetime(2017, 7, 1, 12, 30, tzinfo=datetime.timezone.utc),
        datetime.time(12, 30),
        ["a", "b"],
    ],
)
def test_a_parameter_comes_back_as_it_was(empty, value):
    assert rows(empty, "SELECT $1 AS x", [value]) == [(value,)]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (7, pyarrow.int8()),
        (2**63 + 1, pyarrow.uint64()),
        (0.1, pyarrow.float32()),
        (0.1, pyarrow.float64()),
        (decimal.Decimal("12.500"), pyarrow.decimal128(12, 3)),
        (datetime.date(2017, 7, 1), pyarrow.date64()),
        (datetime.time(12, 30), pyarrow.time32("s")),
        (datetime.datetime(2017, 7, 1), pyarrow.timestamp("s")),
        (datetime.datetime(2017, 7, 1), pyarrow.timestamp("ns", "Europe/London")),
        ("x", pyarrow.large_string()),
        ([1, 2], pyarrow.list_(pyarrow.int64())),
    ],
)
def test_a_parameter_keeps_its_type(empty, value, kind):
    batch = pyarrow.record_batch({"x": pyarrow.array([value], kind)})
    empty.execute("SELECT $1 AS x", batch)
    found = empty.fetch_arrow_table()
    assert found["x"].to_pylist() == batch["x"].to_pylist()
    # an integer and a text are worth their literals
    literals = {pyarrow.int8(): pyarrow.int64(), pyarrow.large_string(): pyarrow.string()}
    assert found.schema.field(0).type == literals.get(kind, kind)


def test_parameters_by_name(cursor):
    sql = "SELECT count(*) FROM orders WHERE amount > $least AND ts < $before"
    values = {"least": 100.0, "before": datetime.datetime(2017, 7, 1)}
    batch = pyarrow.record_batch({k: [v] for k, v in values.items()})
    (found,) = rows(cursor, sql, batch)
    literal = "SELECT count(*) FROM orders WHERE amount > 100 AND ts < TIMESTAMP '2017-07-01'"
    assert rows(cursor, literal) == [found]
    assert found[0] > 0


def test_many_rows_of_parameters_run_many_times(empty):
    empty.execute("CREATE TABLE t (n BIGINT, s VARCHAR)")
    empty.executemany("INSERT INTO t VALUES ($1, $2)", [(1, "a"), (2, None), (3, "c")])
    assert empty.rowcount == 3
    assert rows(empty, "SELECT * FROM t ORDER BY n") == [(1, "a"), (2, None), (3, "c")]
    # a change is made when it is run, also if nobody reads its count
    empty.execute("INSERT INTO t VALUES (4, 'd')")
    assert rows(empty, "SELECT count(*) FROM t") == [(4,)]
    # a query answers for each row, in order
    empty.adbc_statement.set_sql_query("SELECT $1 * 10 AS x")
    batches = [pyarrow.record_batch({"n": [1, 2]}), pyarrow.record_batch({"n": [3]})]
    stream = pyarrow.RecordBatchReader.from_batches(batches[0].schema, batches)
    empty.adbc_statement.bind_stream(stream)
    answer, _ = empty.adbc_statement.execute_query()
    table = pyarrow.RecordBatchReader._import_from_c(answer.address).read_all()
    assert table["x"].to_pylist() == [10, 20, 30]


def test_no_row_of_parameters_gives_no_row(empty):
    empty.adbc_statement.set_sql_query("SELECT $1 + 1 AS x")
    schema = pyarrow.schema({"n": pyarrow.int64()})
    empty.adbc_statement.bind_stream(pyarrow.RecordBatchReader.from_batches(schema, []))
    answer, _ = empty.adbc_statement.execute_query()
    table = pyarrow.RecordBatchReader._import_from_c(answer.address).read_all()
    assert table.num_rows == 0 and table.schema.names == ["x"]


def test_a_wrong_number_of_parameters_is_refused(empty):
    with pytest.raises(dbapi.ProgrammingError, match="takes 1 parameters.*2 columns") as e:
        empty.execute("SELECT $1", [1, 2])
    assert e.value.sqlstate == "22023"
    with pytest.raises(dbapi.Error, match="has no value"):
        empty.execute("SELECT $name")


def test_a_prepared_statement_says_what_it_takes(cursor):
    schema = cursor.adbc_prepare("SELECT * FROM orders WHERE amount > $1 AND channel = $2")
    assert schema.names == ["1", "2"]
    assert [str(t) for t in schema.types][0] == "double"
    schema = cursor.adbc_prepare("SELECT $any AS x")
    assert schema.names == ["any"] and pyarrow.types.is_null(schema.types[0])
    with pytest.raises(dbapi.ProgrammingError) as e:
        cursor.adbc_prepare("SELECT FROM WHERE")
    assert e.value.sqlstate == "42601"


def test_the_schema_is_known_before_the_answer(cursor):
    schema = cursor.adbc_execute_schema("SELECT customer_id, amount FROM orders")
    assert schema.names == ["customer_id", "amount"]
    # nothing is run for it
    assert len(cursor.adbc_execute_schema("CREATE TABLE made AS SELECT 1 AS x")) == 0
    with pytest.raises(dbapi.Error):
        cursor.execute("SELECT * FROM made")


def test_a_large_answer_streams(empty):
    empty.execute("SELECT value, value * 2 AS twice FROM generate_series(1, 30000000)")
    reader = empty.fetch_record_batch()
    first = reader.read_next_batch()
    assert 0 < first.num_rows <= 65536
    del reader


def test_cancel_from_another_thread(connection, cursor):
    cursor.execute("SELECT sum(a.value * b.value) FROM generate_series(1, 300000) a, generate_series(1, 300000) b")
    threading.Timer(0.5, cursor.adbc_cancel).start()
    started = time.monotonic()
    with pytest.raises(dbapi.OperationalError) as e:
        cursor.fetchall()
    assert e.value.sqlstate == "57014"
    assert time.monotonic() - started < 5
    with connection.cursor() as another:
        assert rows(another, "SELECT 1") == [(1,)]


def test_cancel_of_the_connection(connection, cursor):
    cursor.execute("SELECT sum(a.value * b.value) FROM generate_series(1, 300000) a, generate_series(1, 300000) b")
    threading.Timer(0.5, connection.adbc_cancel).start()
    with pytest.raises(dbapi.OperationalError) as e:
        cursor.fetchall()
    assert e.value.sqlstate == "57014"


@pytest.mark.parametrize(
    ("sql", "state", "kind", "text"),
    [
        ("SELEC 1", "42601", dbapi.ProgrammingError, "line 1, column 1"),
        ("SELECT * FROM nothing", "42P01", dbapi.ProgrammingError, "nothing"),
        ("SELECT amuont FROM orders", "42703", dbapi.ProgrammingError, "hint: did you mean amount"),
        ("SELECT stage_lable('x')", "42883", dbapi.ProgrammingError, "hint: did you mean stage_label"),
        ("SET tenure.horizn = '1 day'", "22023", dbapi.ProgrammingError, "hint: did you mean horizon"),
        ("SELECT 'x'::INT", "22P02", dbapi.ProgrammingError, "'x'"),
    ],
)
def test_errors_have_state_place_and_hint(cursor, sql, state, kind, text):
    with pytest.raises(kind) as e:
        rows(cursor, sql)
    assert e.value.sqlstate == state
    assert text.replace("'", '"') in str(e.value).replace("'", '"')


def test_an_error_in_the_middle_of_an_answer_has_its_state(empty):
    empty.execute("SELECT 1 / (1000000 - value) FROM generate_series(1, 2000000)")
    with pytest.raises(dbapi.Error) as e:
        empty.fetchall()
    assert e.value.sqlstate == "22012"
    assert rows(empty, "SELECT 1") == [(1,)]


def test_details_name_the_hint(cursor):
    with pytest.raises(dbapi.Error) as e:
        cursor.execute("SELECT amuont FROM orders")
    details = dict(e.value.details)
    assert b"amount" in details[b"tenure.hint"]
    assert details[b"tenure.line"] == b"1" and details[b"tenure.column"] == b"8"


def test_options_of_a_store_are_not_given_out():
    import adbc_driver_manager

    from conftest import DRIVER

    options = {"store.secret_access_key": "very secret", "tenure.horizon": "30 days"}
    with adbc_driver_manager.AdbcDatabase(
        driver=DRIVER, entrypoint="AdbcDriverTenureInit", **options
    ) as database:
        assert database.get_option("tenure.horizon") == "30 days"
        with pytest.raises(dbapi.Error, match="there is no option store.secret_access_key"):
            database.get_option("store.secret_access_key")


def test_a_lake_that_is_not_there(tmp_path):
    with pytest.raises(dbapi.Error) as e:
        connect(tmp_path / "nowhere")
    assert e.value.sqlstate == "42P01"
