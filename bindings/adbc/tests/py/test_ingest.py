"""Bulk ingest, into memory and into Parquet."""

import threading
import time

import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest
from adbc_driver_manager import dbapi

from conftest import connect

TABLE = pyarrow.table({"id": [1, 2, 3], "name": ["a", None, "c"]})


def rows(cursor, sql):
    cursor.execute(sql)
    return cursor.fetchall()


@pytest.mark.parametrize(
    "data",
    [
        TABLE,
        TABLE.to_batches()[0],
        TABLE.to_reader(),
        polars.from_arrow(TABLE),
        pyarrow.Table.from_pandas(pandas.DataFrame({"id": [1, 2, 3], "name": ["a", None, "c"]})),
    ],
    ids=["table", "batch", "reader", "polars", "pandas"],
)
def test_every_kind_of_rows(empty, data):
    assert empty.adbc_ingest("people", data, mode="create") == 3
    assert rows(empty, "SELECT id, name FROM people ORDER BY id") == [(1, "a"), (2, None), (3, "c")]


def test_modes_in_memory(empty):
    with pytest.raises(dbapi.ProgrammingError, match="there is no table people") as e:
        empty.adbc_ingest("people", TABLE, mode="append")
    assert e.value.sqlstate == "42P01"
    assert empty.adbc_ingest("people", TABLE, mode="create") == 3
    with pytest.raises(dbapi.ProgrammingError, match="people exists already") as e:
        empty.adbc_ingest("people", TABLE, mode="create")
    assert e.value.sqlstate == "42P07"
    assert empty.adbc_ingest("people", TABLE, mode="append") == 3
    assert empty.adbc_ingest("people", TABLE, mode="create_append") == 3
    assert rows(empty, "SELECT count(*) FROM people") == [(9,)]
    assert empty.adbc_ingest("people", TABLE.select(["id"]), mode="replace") == 3
    assert rows(empty, "SELECT * FROM people ORDER BY id") == [(1,), (2,), (3,)]
    assert empty.adbc_ingest("others", TABLE, mode="create_append") == 3
    # nothing of the way in is left
    assert rows(empty, "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%incoming%'") == []


def test_rows_that_do_not_fit_are_refused(empty):
    empty.adbc_ingest("people", TABLE, mode="create")
    with pytest.raises(dbapi.Error, match="the column other, which is not there"):
        empty.adbc_ingest("people", pyarrow.table({"other": [1]}), mode="append")
    assert empty.adbc_ingest("people", TABLE.select(["id"]), mode="append") == 3
    assert rows(empty, "SELECT count(*), count(name) FROM people") == [(6, 2)]


def test_names_need_no_care(empty):
    odd = pyarrow.table({'My "Column"': [1], "select": [2]})
    assert empty.adbc_ingest('Odd "Table"', odd, mode="create") == 1
    assert rows(empty, 'SELECT "My ""Column""", "select" FROM "Odd ""Table"""') == [(1, 2)]


def test_one_parquet_file(empty, tmp_path):
    file = tmp_path / "people.parquet"
    assert empty.adbc_ingest(str(file), TABLE, mode="create") == 3
    assert pyarrow.parquet.read_table(file).num_rows == 3
    with pytest.raises(dbapi.ProgrammingError, match="exists already"):
        empty.adbc_ingest(str(file), TABLE, mode="create")
    assert empty.adbc_ingest(str(file), TABLE.slice(0, 1), mode="replace") == 1
    assert pyarrow.parquet.read_table(file).num_rows == 1
    with pytest.raises(dbapi.NotSupportedError, match="rows cannot be added to one file"):
        empty.adbc_ingest(str(file), TABLE, mode="append")


def test_a_folder_of_parquet_files_is_a_lake(empty, tmp_path):
    folder = tmp_path / "lake" / "people"
    assert empty.adbc_ingest(str(folder), TABLE, mode="create") == 3
    assert empty.adbc_ingest(str(folder), TABLE, mode="append") == 3
    assert empty.adbc_ingest(str(folder), TABLE, mode="create_append") == 3
    with pytest.raises(dbapi.NotSupportedError, match="a folder of files is not replaced"):
        empty.adbc_ingest(str(folder), TABLE, mode="replace")
    with connect(tmp_path / "lake") as connection, connection.cursor() as cursor:
        assert rows(cursor, "SELECT count(*) FROM people") == [(9,)]


def test_an_answer_of_the_same_session_goes_in(connection, cursor):
    with connection.cursor() as source:
        source.execute("SELECT customer_id, amount FROM orders")
        count = cursor.adbc_ingest("copy", source.fetch_record_batch(), mode="create")
    assert rows(cursor, "SELECT count(*) FROM copy") == [(count,)] == rows(cursor, "SELECT count(*) FROM orders")


def test_a_stream_that_fails_leaves_nothing(empty, tmp_path):
    def broken():
        def batches():
            yield TABLE.to_batches()[0]
            raise RuntimeError("the source broke")

        return pyarrow.RecordBatchReader.from_batches(TABLE.schema, batches())

    for target in ["people", str(tmp_path / "people.parquet"), str(tmp_path / "folder")]:
        with pytest.raises(dbapi.Error, match="the source broke"):
            empty.adbc_ingest(target, broken(), mode="create")
        assert empty.adbc_ingest(target, TABLE, mode="create") == 3
    with pytest.raises(dbapi.Error, match="the source broke"):
        empty.adbc_ingest("people", broken(), mode="append")
    with pytest.raises(dbapi.Error, match="the source broke"):
        empty.adbc_ingest(str(tmp_path / "people.parquet"), broken(), mode="replace")
    for table in ["people", f"'{tmp_path}/people.parquet'", f"'{tmp_path}/folder'"]:
        assert rows(empty, f"SELECT count(*) FROM {table}") == [(3,)]


def test_cancel_stops_an_ingest(connection, cursor):
    def batches():
        while True:
            yield TABLE.to_batches()[0]
            time.sleep(0.01)

    endless = pyarrow.RecordBatchReader.from_batches(TABLE.schema, batches())
    threading.Timer(0.5, connection.adbc_cancel).start()
    with pytest.raises(dbapi.OperationalError) as e:
        cursor.adbc_ingest("people", endless, mode="create")
    assert e.value.sqlstate == "57014"
    assert cursor.adbc_ingest("people", TABLE, mode="create") == 3


def test_a_read_only_session_takes_no_rows():
    with connect(None, read_only="true") as connection, connection.cursor() as cursor:
        with pytest.raises(dbapi.Error) as e:
            cursor.adbc_ingest("people", TABLE, mode="create")
        assert e.value.sqlstate == "25006"


def test_pandas_and_polars_write(empty, tmp_path):
    with connect(None) as connection:
        frame = pandas.DataFrame({"id": [1, 2], "name": ["a", "b"]})
        assert frame.to_sql("people", connection, index=False) == 2
        assert list(pandas.read_sql("SELECT * FROM people ORDER BY id", connection)["name"]) == ["a", "b"]
        written = polars.DataFrame({"id": [1]}).write_database("others", connection, engine="adbc")
        assert written == 1
