"""Prepared statements, portals, cursors, COPY, cancel, time-outs."""

import threading
import time

import psycopg
from connect import connect, fails

LONG = (
    "SELECT count(*) FROM raw.orders a, raw.orders b, raw.orders c"
    " WHERE a.sales + b.sales + c.sales < 0"
)

with connect() as c:
    for limit in range(10):
        n = c.execute("SELECT count(*) FROM customers WHERE customer_id <= %s", (limit,), prepare=True)
        assert n.fetchone()[0] <= limit
    names = ["a", "b"]
    cur = c.cursor()
    cur.executemany("SELECT %s || '!'", [(n,) for n in names], returning=True)
    for n in names:
        assert cur.fetchone() == (n + "!",)
        cur.nextset()
    # several statements of the simple protocol
    cur.execute("SELECT 1; SELECT 2 AS two")
    assert cur.fetchall() == [(1,)] and cur.nextset() and cur.fetchall() == [(2,)]
    assert cur.execute("").statusmessage in (None, "")
    with fails("22P02"):
        c.execute("SELECT count(*) FROM customers WHERE customer_id = %s", ("abc",))
    with fails("42601"):
        c.execute("SELEC 1")
    with fails("42883"):
        c.execute("SELECT nofunction(1)")
    for zero in ["SELECT 1 / 0", "SELECT items % (items - items) FROM orders", "SELECT 1.5::decimal(4,2) / 0::decimal(4,2)"]:
        with fails("22012"):
            c.execute(zero)
    # lists, and a number of rows, of which the driver does not say the type
    stores = c.execute("SELECT count(*) FROM orders WHERE channel = 'store'").fetchone()
    for listed in ["channel = ANY(%s)", "channel = ANY(%s::text[])", "channel = ANY('{store}')"]:
        values = (["store"],) if "%s" in listed else None
        assert c.execute(f"SELECT count(*) FROM orders WHERE {listed}", values).fetchone() == stores
    kinds = "SELECT DISTINCT relname FROM pg_class WHERE relkind = ANY(%s) AND relname = 'orders'"
    assert c.execute(kinds, (["r", "v"],)).fetchall() == [("orders",)]
    assert c.execute("SELECT x FROM generate_series(1, 9) AS t(x) LIMIT %s", ("2",)).fetchall() == [(1,), (2,)]
    # numbers of the catalog are numbers
    number = c.execute("SELECT attrelid FROM pg_attribute WHERE attname = 'amount' LIMIT 1").fetchone()[0]
    assert isinstance(number, int)
    # a question about no table has an answer or an error
    for unknown in ["SELECT pg_cancel_backend(1)", "SELECT json_build_object('a', customer_id) FROM orders"]:
        with fails("42883"):
            c.execute(unknown)
    assert c.execute("SELECT pg_size_pretty(12345678)").fetchone() == ("12 MB",)
    # columns without a name may say the same: how psqlODBC lists schemas
    assert c.execute("SELECT NULL, NULL, 1, 1 + 0, 1 + 0").fetchone() == (None, None, 1, 1, 1)
    schemas = "SELECT NULL, nspname, NULL FROM pg_catalog.pg_namespace ORDER BY nspname"
    assert (None, "main", None) in c.execute(schemas).fetchall()
    # pipelines: an error ends the batch, the connection goes on
    with fails("42703"):
        with c.pipeline():
            c.execute("SELECT 1")
            c.execute("SELECT nocolumn")
            c.execute("SELECT 3")
    assert c.execute("SELECT 4").fetchone() == (4,)

    # cursors on the server
    total = c.execute("SELECT count(*), sum(items) FROM orders").fetchone()
    with c.transaction():
        with c.cursor(name="walk") as cur:
            cur.itersize = 1000
            cur.execute("SELECT customer_id, items FROM orders")
            rows = list(cur)
        assert (len(rows), sum(r[1] for r in rows)) == total
        with c.cursor(name="walk", binary=True) as cur:
            cur.execute("SELECT customer_id, ts, amount FROM orders WHERE customer_id < %s", (9,))
            assert len(cur.fetchmany(7)) == 7 and cur.fetchone() is not None
    with c.cursor(name="kept", withhold=True) as cur:
        with c.transaction():
            cur.execute("SELECT customer_id FROM customers ORDER BY 1")
        assert [r[0] for r in cur.fetchmany(3)] == [1, 2, 3]
        assert len(cur.fetchall()) == 2466
    with fails("25P01"):
        c.execute("DECLARE c CURSOR FOR SELECT 1")
    c.execute("DECLARE \"SQL_CUR1\" CURSOR WITH HOLD FOR SELECT customer_id FROM customers ORDER BY 1")
    assert len(c.execute("FETCH 2048 IN \"SQL_CUR1\"").fetchall()) == 2048
    assert c.execute("MOVE 400 IN \"SQL_CUR1\"").statusmessage == "MOVE 400"
    assert len(c.execute("FETCH ALL IN \"SQL_CUR1\"").fetchall()) == 21
    assert c.execute("FETCH ALL IN \"SQL_CUR1\"").fetchall() == []
    with fails("55000"):
        c.execute("FETCH PRIOR FROM \"SQL_CUR1\"")
    assert c.execute("CLOSE \"SQL_CUR1\"").statusmessage == "CLOSE CURSOR"
    with fails("34000"):
        c.execute("FETCH 1 FROM \"SQL_CUR1\"")

    # COPY
    query = "SELECT customer_id, stage, NULL, 'a,\"b\\' AS t FROM profiles ORDER BY 1 LIMIT 2"
    def copied(sql):
        with c.cursor().copy(sql) as copy:
            return b"".join(bytes(d) for d in copy).decode()
    rows = c.execute(query).fetchall()
    expected = "".join(f"{i}\t{s}\t\\N\ta,\"b\\\\\n" for i, s, _, _ in rows)
    assert copied(f"COPY ({query}) TO STDOUT") == expected, copied(f"COPY ({query}) TO STDOUT")
    csv = copied(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)")
    head = csv.splitlines()
    assert head[0].startswith("customer_id,stage,") and head[1] == f'{rows[0][0]},{rows[0][1]},,"a,""b\\"', csv
    stages = "SELECT customer_id, stage FROM profiles ORDER BY 1 LIMIT 3"
    expected = c.execute(stages).fetchall()
    with c.cursor().copy(f"COPY ({stages}) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int8", "text"])
        assert list(copy.rows()) == expected
    assert len(copied("COPY raw.campaigns TO STDOUT").splitlines()) == 6589
    with fails("42P01"):
        copied("COPY nothing TO STDOUT")

    # time
    c.execute("SET statement_timeout = '300ms'")
    begun = time.monotonic()
    with fails("57014"):
        c.execute(LONG)
    assert time.monotonic() - begun < 1.3
    c.execute("RESET statement_timeout")
    timer = threading.Timer(0.5, c.cancel)
    timer.start()
    begun = time.monotonic()
    with fails("57014"):
        c.execute(LONG)
    assert time.monotonic() - begun < 1.5
    assert c.execute("SELECT 1").fetchone() == (1,)
    # someone else's statement is not stopped by a guess of the secret
    c.cancel()
    assert c.execute("SELECT 1").fetchone() == (1,)

    # one long statement does not keep others waiting
    stop = connect()
    hog = threading.Thread(target=lambda: quiet(stop))
    def quiet(conn):
        try:
            conn.execute(LONG)
        except psycopg.Error:
            pass
    hog.start()
    time.sleep(0.5)
    waits = []
    for _ in range(30):
        begun = time.monotonic()
        c.execute("SELECT 1").fetchone()
        waits.append(time.monotonic() - begun)
    stop.cancel()
    hog.join()
    print("SELECT 1 beside a cross join: longest of 30", round(max(waits) * 1000), "ms")
    assert sorted(waits)[-2] < 0.5, waits

    begun = time.monotonic()
    for _ in range(20):
        connect().close()
    print("a connection takes", round((time.monotonic() - begun) / 20 * 1000, 1), "ms")
# a value of 15 MB is read; a message of more than 16 is not, and ends the connection
c = connect()
most = 15 << 20
assert c.execute("SELECT length(%s)", ["x" * most]).fetchone() == (most,)
with fails("54001"):
    c.execute("SELECT length('" + "x" * most + "')")
try:
    c.execute("SELECT length(%s)", ["x" * (17 << 20)])
    raise AssertionError("a message of 17 MB was read")
except psycopg.OperationalError as e:
    print(e)
assert c.closed
print("ok")
