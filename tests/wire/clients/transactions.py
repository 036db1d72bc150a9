"""Transactions that hold nothing but behave; settings; DISCARD."""

from psycopg.pq import TransactionStatus as Status

from connect import connect, fails

with connect() as c:
    status = lambda: c.info.transaction_status
    tag = lambda sql: c.execute(sql).statusmessage
    show = lambda name: c.execute(f"SHOW {name}").fetchone()[-1]
    notices = []
    c.add_notice_handler(lambda n: notices.append((n.severity, n.sqlstate)))

    assert (tag("BEGIN"), status()) == ("BEGIN", Status.INTRANS)
    assert tag("BEGIN") == "BEGIN" and notices.pop() == ("WARNING", "25001")
    assert tag("SAVEPOINT a") == "SAVEPOINT"
    with fails("42703"):
        c.execute("SELECT nothing")
    assert status() == Status.INERROR
    with fails("25P02"):
        c.execute("SELECT 1")
    assert tag("ROLLBACK TO SAVEPOINT a") == "ROLLBACK" and status() == Status.INTRANS
    assert c.execute("SELECT 1").fetchone() == (1,)
    with fails("3B001"):
        c.execute("RELEASE SAVEPOINT b")
    assert tag("COMMIT") == "ROLLBACK" and status() == Status.IDLE
    assert tag("COMMIT") == "COMMIT" and notices.pop() == ("WARNING", "25P01")
    assert tag("START TRANSACTION READ ONLY") == "BEGIN" and tag("END") == "COMMIT"
    with fails("25P01"):
        c.execute("SAVEPOINT a")

    # a setting is one column of its name, whoever it belongs to
    for name in ["tenure.as_of", "search_path"]:
        cur = c.execute(f"SHOW {name}")
        assert [d.name for d in cur.description] == [name] and len(cur.fetchone()) == 1

    # what was set in a transaction goes with it
    before = show("tenure.as_of")
    c.execute("BEGIN")
    c.execute("SET tenure.as_of = '2017-06-01'")
    c.execute("SET extra_float_digits = 3")
    assert (show("tenure.as_of"), show("extra_float_digits")) == ("2017-06-01", "3")
    c.execute("ROLLBACK")
    assert (show("tenure.as_of"), show("extra_float_digits")) == (before, "1")
    c.execute("BEGIN")
    c.execute("SET LOCAL tenure.as_of = '2017-06-01'")
    c.execute("SET TIME ZONE 'Europe/Berlin'")
    c.execute("COMMIT")
    assert (show("tenure.as_of"), show("timezone")) == (before, "Europe/Berlin")
    assert c.info.parameter_status("TimeZone") == "Europe/Berlin"

    # settings are of the connection
    c.execute("SET tenure.as_of = '2017-02-01'")
    with connect(options="-c tenure.as_of=2017-03-01 -c statement_timeout=9s") as other:
        assert other.execute("SHOW tenure.as_of").fetchone()[-1] == "2017-03-01"
        assert other.execute("SHOW statement_timeout").fetchone() == ("9s",)
        early, = other.execute("SELECT count(*) FROM orders").fetchone()
    few, = c.execute("SELECT count(*) FROM orders").fetchone()
    c.execute("RESET tenure.as_of")
    all_, = c.execute("SELECT count(*) FROM orders").fetchone()
    assert few < early < all_, (few, early, all_)
    with fails("22023"):
        c.execute("SET tenure.as_of = 'yesterday or so'")
    with fails("42704"):
        c.execute("SET shared_bufers = 1")
    with fails("22023"):
        c.execute("SET client_encoding = 'LATIN1'")
    with fails("42704"):
        c.execute("SHOW nothing_at_all")
    names = {r[0] for r in c.execute("SHOW ALL")}
    assert {"server_version", "search_path", "tenure.as_of"} <= names
    for sql in [
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SHOW TRANSACTION ISOLATION LEVEL",
        "SET search_path TO raw, main",
        "SET NAMES 'UTF8'",
        "SET SESSION application_name = 'a tool'",
        "LISTEN x",
        "UNLISTEN *",
        "CLOSE ALL",
    ]:
        c.execute(sql)
    assert c.execute("SELECT count(*) FROM orders").fetchone()[0] != all_, "orders is raw.orders now"

    # DISCARD ALL
    c.execute("DECLARE kept CURSOR WITH HOLD FOR SELECT 1")
    assert tag("DISCARD ALL") == "DISCARD ALL"
    assert (show("timezone"), show("search_path"), show("application_name")) == ("UTC", "main", "")
    with fails("34000"):
        c.execute("FETCH 1 FROM kept")
    assert c.execute("SELECT count(*) FROM orders").fetchone()[0] == all_
    c.execute("BEGIN")
    with fails("25001"):
        c.execute("DISCARD ALL")
    c.execute("ROLLBACK")
print("ok")
