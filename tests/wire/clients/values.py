"""Every type, in text and in binary, as an answer and as a parameter."""

import datetime as dt
from decimal import Decimal

import psycopg
from connect import connect

VALUES = [
    ("1::smallint", 21, 1),
    ("-2::int", 23, -2),
    ("9223372036854775807::bigint", 20, 9223372036854775807),
    ("1.5::real", 700, 1.5),
    ("-0.1::double", 701, -0.1),
    ("1e300::double", 701, 1e300),
    ("'Infinity'::double", 701, float("inf")),
    ("12.50::decimal(10,2)", 1700, Decimal("12.50")),
    ("-0.0001::decimal(38,10)", 1700, Decimal("-0.0001000000")),
    ("arrow_cast(18446744073709551615, 'UInt64')", 1700, Decimal("18446744073709551615")),
    ("true", 16, True),
    ("'Zoë 王'", 25, "Zoë 王"),
    ("''", 25, ""),
    ("date '2018-01-02'", 1082, dt.date(2018, 1, 2)),
    ("date '1969-12-31'", 1082, dt.date(1969, 12, 31)),
    ("timestamp '2018-01-02 03:04:05.678'", 1114, dt.datetime(2018, 1, 2, 3, 4, 5, 678000)),
    ("'2018-01-02 03:04:05+02'::timestamptz", 1184, dt.datetime(2018, 1, 2, 1, 4, 5, tzinfo=dt.timezone.utc)),
    ("CAST('2018-01-02' AS TIMESTAMP WITH TIME ZONE)", 1184, dt.datetime(2018, 1, 2, tzinfo=dt.timezone.utc)),
    ("time '03:04:05.5'", 1083, dt.time(3, 4, 5, 500000)),
    ("interval '2 days 3 hours'", 1186, dt.timedelta(days=2, hours=3)),
    ("interval '-1 hours'", 1186, dt.timedelta(hours=-1)),
    ("X'01ff'", 17, b"\x01\xff"),
    ("[1, 2, NULL]", 1016, [1, 2, None]),
    ("['a', 'b c', '', NULL, 'NULL', '\"']", 1009, ["a", "b c", "", None, "NULL", '"']),
    ("[1.5, NULL]", 1022, [1.5, None]),
    ("[date '2018-01-02']", 1182, [dt.date(2018, 1, 2)]),
    ("[true]", 1000, [True]),
    ("arrow_cast([], 'List(Int64)')", 1016, []),
    ("{a: 1, b: 'x', c: NULL}", 114, {"a": 1, "b": "x", "c": None}),
    ("[{a: 1}, {a: 2}]", 114, [{"a": 1}, {"a": 2}]),
    ("[[1, 2], [3]]", 114, [[1, 2], [3]]),
    ("MAP {'k': 1}", 114, {"k": 1}),
    ("NULL", 25, None),
    ("arrow_cast('d', 'Dictionary(Int32, Utf8)')", 25, "d"),
]

PARAMETERS = [
    1, 70_000, 5_000_000_000, -3, 2.5, float("inf"), "it's", "", True, False, None,
    dt.date(2018, 1, 2), dt.datetime(2018, 1, 2, 3, 4, 5, 6), dt.time(3, 4, 5),
    dt.datetime(2018, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    dt.timedelta(days=1, seconds=2), Decimal("12.50"), Decimal("-0.001"), Decimal("0.123456789012345"),
    Decimal("123456789012345678901234567890"), b"\x00\xff",
    [1, 2, 3], ["a", "b,c"], [1.5], [dt.date(2018, 1, 2)],
]

with connect() as c:
    for binary in (False, True):
        cur = c.cursor(binary=binary)
        for sql, oid, value in VALUES:
            row = cur.execute(f"SELECT {sql} AS v, {sql} IS NULL").fetchone()
            assert cur.description[0].type_code == oid, (sql, cur.description[0].type_code)
            assert row == (value, value is None), (sql, binary, row)
        # zones are for showing: the moment is the same
        zoned = "SELECT arrow_cast(timestamp '2018-01-02 03:04:05', 'Timestamp(Microsecond, Some(\"UTC\"))')"
        for zone, offset in [("Europe/Berlin", 1), ("America/New_York", -5), ("UTC", 0)]:
            c.execute(f"SET TIME ZONE '{zone}'")
            # a cursor remembers the zone that it began with
            (at,) = c.cursor(binary=binary).execute(zoned).fetchone()
            assert at.timestamp() == 1514862245 and at.utcoffset() == dt.timedelta(hours=offset), at
        for value in PARAMETERS:
            # a list of texts is of no type in text, for PostgreSQL too
            for form in ("%b",) if value == ["a", "b,c"] else ("%s", "%b", "%t"):
                try:
                    row = cur.execute(f"SELECT {form}, count(*) FROM customers", (value,)).fetchone()
                except Exception as e:
                    raise AssertionError((value, form, e)) from e
                got = row[0]
                if isinstance(value, (dt.time,)) and isinstance(got, str):
                    got = dt.time.fromisoformat(got)
                assert got == value, (value, form, got)
                assert row[1] == 2469
    # what is asked is what is compared
    ask = lambda sql, *p: c.execute(sql, p).fetchone()[0]
    assert ask("SELECT count(*) FROM customers WHERE customer_id < %s", 100) == ask(
        "SELECT count(*) FROM customers WHERE customer_id < 100"
    )
    assert ask("SELECT count(*) FROM orders WHERE ts >= %s", dt.datetime(2017, 6, 1)) == ask(
        "SELECT count(*) FROM orders WHERE ts >= '2017-06-01'"
    )
    assert ask("SELECT count(*) FROM orders WHERE ts >= %s", "2017-06-01") == ask(
        "SELECT count(*) FROM orders WHERE ts >= '2017-06-01'"
    )
    assert ask("SELECT count(*) FROM customers WHERE customer_id = ANY(%s)", [1, 7, 8]) == 3
    assert len(c.execute("SELECT customer_id FROM customers LIMIT %s", (5,)).fetchall()) == 5
    # a number of more digits than fit, or that is none, is refused and not another
    for value in (Decimal("1e60"), Decimal("NaN")):
        try:
            raise AssertionError(ask("SELECT %s", value))
        except psycopg.Error as e:
            assert e.sqlstate in ("22003", "22023"), (value, e.sqlstate, e)
    assert ask(r"SELECT '\x0041'::bytea") == b"\x00\x41"
    # pgJDBC sends dates and times as text of no type, with a zone that PostgreSQL skips
    assert ask("SELECT %s::date", "2017-06-30 +00") == dt.date(2017, 6, 30)
    assert ask("SELECT CAST(%s AS timestamp)", "2017-06-30 12:34:56.789+00") == dt.datetime(2017, 6, 30, 12, 34, 56, 789000)
    at = ask("SELECT %s::timestamptz", "2017-06-30 12:34:56+02")
    assert at == dt.datetime(2017, 6, 30, 10, 34, 56, tzinfo=dt.timezone.utc), at
    # Tenure's own: a table function, a parameter that a function wants as a literal
    row = ask("SELECT count(*) FROM change_points(TABLE orders, value => amount) WHERE customer_id < %s", 50)
    assert row == ask("SELECT count(*) FROM change_points(TABLE orders, value => amount) WHERE customer_id < 50")
    assert ask("SELECT stage_label(%s)", "at_risk") == ask("SELECT stage_label('at_risk')")
print("ok")
