"""DB-API 2.0."""

import datetime

import pandas
import pytest
import tenure
from tenure import dbapi

from conftest import AS_OF, LAKE


@pytest.fixture
def connection():
    with dbapi.connect(LAKE, as_of=AS_OF) as connection:
        yield connection


def test_the_module(connection):
    assert (dbapi.apilevel, dbapi.threadsafety) == ("2.0", 2)
    assert dbapi.paramstyle == "numeric_dollar"
    assert issubclass(dbapi.ProgrammingError, dbapi.DatabaseError)
    assert issubclass(dbapi.DatabaseError, dbapi.Error)
    assert dbapi.Error is tenure.Error is connection.Error
    assert dbapi.Date(2017, 7, 1) == datetime.date(2017, 7, 1)
    assert dbapi.DateFromTicks(0).year in (1969, 1970)


def test_fetches(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT value AS n FROM generate_series(1, 10)")
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany() == [(2,)]
    assert cursor.fetchmany(3) == [(3,), (4,), (5,)]
    cursor.arraysize = 2
    assert cursor.fetchmany() == [(6,), (7,)]
    assert list(cursor) == [(8,), (9,), (10,)]
    assert cursor.fetchone() is None and cursor.fetchall() == []
    assert cursor.rowcount == -1


def test_description(connection):
    cursor = connection.execute(
        "SELECT 1 AS n, 'x' AS s, ts, amount, X'00' AS b FROM orders LIMIT 1"
    )
    names = [column[0] for column in cursor.description]
    assert names == ["n", "s", "ts", "amount", "b"]
    kinds = [column[1] for column in cursor.description]
    expected = [dbapi.NUMBER, dbapi.STRING, dbapi.DATETIME, dbapi.NUMBER, dbapi.BINARY]
    assert all(kind == want for kind, want in zip(kinds, expected))
    assert kinds[0] != dbapi.STRING
    assert all(len(column) == 7 for column in cursor.description)


def test_parameters_and_changes(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (n BIGINT, s VARCHAR)")
    assert cursor.description is None
    cursor.executemany("INSERT INTO t VALUES ($1, $2)", [(1, "a"), (2, None)])
    assert cursor.rowcount == 2
    cursor.execute("INSERT INTO t VALUES ($n, $s)", {"n": 3, "s": "it's"})
    assert cursor.rowcount == 1 and cursor.description is None
    cursor.execute("SELECT s FROM t WHERE n >= $1 ORDER BY n", (2,))
    assert cursor.fetchall() == [(None,), ("it's",)]
    cursor.execute("SELECT n FROM t ORDER BY n")
    assert cursor.fetch_arrow_table()["n"].to_pylist() == [1, 2, 3]


def test_errors(connection):
    cursor = connection.cursor()
    with pytest.raises(dbapi.ProgrammingError) as e:
        cursor.execute("SELECT amuont FROM orders")
    assert e.value.sqlstate == "42703"
    with pytest.raises(dbapi.ProgrammingError, match="there is no answer"):
        cursor.fetchone()
    with pytest.raises(dbapi.ProgrammingError, match="give no rows"):
        cursor.executemany("SELECT $1", [(1,)])
    with pytest.raises(dbapi.NotSupportedError):
        connection.rollback()
    connection.commit()
    cursor.close()
    with pytest.raises(dbapi.InterfaceError, match="the cursor is closed"):
        cursor.execute("SELECT 1")
    connection.close()
    with pytest.raises(dbapi.InterfaceError, match="the connection is closed"):
        connection.cursor()


@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy")
def test_pandas_reads_it(connection):
    frame = pandas.read_sql("SELECT customer_id, amount FROM orders LIMIT 5", connection)
    assert frame.shape == (5, 2)
