"""Where names are looked for: SET search_path, set_config, and what the client is told."""

from psycopg.pq import TransactionStatus as Status

from connect import connect, fails

with connect() as c:
    one = lambda sql: c.execute(sql).fetchone()[0]
    main, raw = one("SELECT count(*) FROM main.orders"), one("SELECT count(*) FROM raw.orders")
    assert main != raw
    orders = lambda: one("SELECT count(*) FROM orders")
    assert (orders(), one("SELECT current_schema()")) == (main, "main")

    # pgAdmin, pg_dump and pgJDBC set it by a function
    assert one("SELECT pg_catalog.set_config('search_path', 'raw', false)") == "raw"
    assert (orders(), one("SHOW search_path"), one("SELECT current_schema()")) == (raw, "raw", "raw")
    assert one("SELECT current_schemas(false)") == ["raw"]
    assert one("SELECT current_schemas(true)") == ["pg_catalog", "raw"]
    assert one("SELECT current_setting('search_path')") == "raw"
    # nothing is found everywhere: names are those of main
    assert one("SELECT pg_catalog.set_config('search_path', '', false)") == ""
    assert orders() == main
    c.execute("SET search_path = 'raw', main")
    assert orders() == raw
    c.execute('SET search_path TO "$user", public')
    assert (orders(), one("SELECT current_schema()")) == (main, "main")
    # of several statements in one message, the next sees what the one before has set
    cur = c.execute("SELECT set_config('search_path', 'raw', false); SELECT count(*) FROM orders")
    assert cur.nextset() and cur.fetchone() == (raw,)
    c.execute("RESET search_path")
    assert orders() == main

    # only for the transaction, and gone with it
    c.execute("BEGIN")
    one("SELECT set_config('search_path', 'raw', true)")
    assert orders() == raw
    c.execute("COMMIT")
    assert orders() == main
    one("SELECT set_config('search_path', 'raw', true)")
    assert orders() == main, "outside a transaction it ends with its statement"
    c.execute("BEGIN")
    one("SELECT set_config('search_path', 'raw', false)")
    c.execute("ROLLBACK")
    assert orders() == main

    # the engine's own settings, too
    everything = orders()
    assert one("SELECT set_config('tenure.as_of', '2017-03-01', false)") == "2017-03-01"
    assert one("SELECT current_setting('tenure.as_of')") == "2017-03-01" and orders() < everything
    c.execute("RESET tenure.as_of")
    with fails("22023"):
        one("SELECT set_config('tenure.as_of', 'yesterday or so', false)")
    assert c.info.transaction_status == Status.IDLE and orders() == everything

    # whatever sets it, the client is told
    told = c.info.parameter_status
    one("SELECT set_config('TimeZone', 'Europe/Berlin', false)")
    assert told("TimeZone") == "Europe/Berlin"
    c.execute("BEGIN")
    c.execute("SET TIME ZONE 'America/New_York'")
    assert told("TimeZone") == "America/New_York"
    c.execute("ROLLBACK")
    assert told("TimeZone") == "Europe/Berlin"
    assert one("SELECT setting FROM pg_settings WHERE name = 'timezone'") == "Europe/Berlin"
    assert one("SELECT current_setting('nothing_at_all', true)") is None
    c.execute("DISCARD ALL")
    assert told("TimeZone") == "UTC"

# pgJDBC's currentSchema comes with the log-in
with connect(options="-c search_path=raw") as c:
    assert c.execute("SELECT count(*) FROM orders").fetchone() == (raw,)
print("ok")
