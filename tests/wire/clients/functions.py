"""The catalog says of functions what calls of them give."""

from connect import connect

BUYS = "{'model': 'mbg_nbd', 'r': 0.5, 'alpha': 43.0, 'a': 0.9, 'b': 1.6, 'unit_days': 1}"
EVENTS = "(VALUES (TIMESTAMP '2018-01-01', 'view'), (TIMESTAMP '2018-01-02', 'buy')) AS t(ts, e)"
CALLS = {
    "stage_of": "SELECT stage_of(summary) FROM summaries LIMIT 1",
    "stage_reason": "SELECT stage_reason(summary) FROM summaries LIMIT 1",
    "stage_label": "SELECT stage_label('at_risk')",
    "stage_policy": "SELECT stage_policy('retail')",
    "rfm_segment": "SELECT rfm_segment(5, 5, 4)",
    "recency": f"SELECT recency(ts, TIMESTAMP '2018-01-31') FROM {EVENTS}",
    "frequency": f"SELECT frequency(ts) FROM {EVENTS}",
    "monetary": "SELECT monetary(amount) FROM orders",
    "customer_summary": "SELECT customer_summary(ts, amount) FROM orders WHERE customer_id = 7",
    "historic_clv": "SELECT historic_clv(summary) FROM summaries LIMIT 1",
    "p_alive": f"SELECT p_alive({BUYS}, summary) FROM summaries LIMIT 1",
    "churn_prob": f"SELECT churn_prob({BUYS}, summary) FROM summaries LIMIT 1",
    "next_order_date": f"SELECT next_order_date({BUYS}, summary) FROM summaries LIMIT 1",
    "window_funnel": f"SELECT window_funnel(INTERVAL '1 day', ts, e = 'view', e = 'buy') FROM {EVENTS}",
    "sequence_match": f"SELECT sequence_match('(?1)(?2)', ts, e = 'view', e = 'buy') FROM {EVENTS}",
    "sequence_match_events": f"SELECT sequence_match_events('(?1)(?2)', ts, e = 'view', e = 'buy') FROM {EVENTS}",
    "retention": f"SELECT retention(e = 'view', e = 'buy') FROM {EVENTS}",
    "km_fit": "SELECT km_fit(items, false) FROM orders WHERE customer_id = 7",
    "bar": "SELECT bar(3, 0, 10)",
    "local_time": "SELECT local_time(TIMESTAMPTZ '2018-01-01T00:00:00Z', 'Europe/Berlin')",
}

with connect() as c:
    told = {
        name: (oid, result)
        for name, oid, result in c.execute(
            "SELECT p.proname, p.prorettype, pg_catalog.pg_get_function_result(p.oid) FROM pg_catalog.pg_proc p"
            " JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'tenure'"
            " AND NOT p.proretset"
        )
    }
    named = {oid: name for oid, name in c.execute("SELECT oid, format_type(oid, NULL) FROM pg_type")}
    for name, call in CALLS.items():
        gives = c.execute(call).description[0].type_code
        assert told[name] == (gives, named[gives]), (name, told[name], gives)
    # every function has said what it gives
    assert not [name for name, (oid, _) in told.items() if oid == 2283]
    assert len(told) > 80 and len({oid for oid, _ in told.values()}) > 8

    # a function in FROM gives rows, has its documentation, and is called in PostgreSQL's protocol
    rows = c.execute(
        "SELECT p.proname, p.prorettype, d.description FROM pg_proc p JOIN pg_description d ON d.objoid = p.oid"
        " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proretset AND n.nspname = 'tenure'"
    ).fetchall()
    assert {"funnel", "retention_matrix", "stage_history"} <= {r[0] for r in rows}, rows
    assert all(r[1] == 2249 and len(r[2]) > 40 for r in rows), rows
    routines = dict(
        c.execute(
            "SELECT routine_name, description FROM information_schema.routines"
            " WHERE routine_schema = 'tenure' AND function_type = 'TABLE' AND data_type = 'record'"
        ).fetchall()
    )
    assert {r[0]: r[2] for r in rows} == routines
    assert c.execute("SELECT count(*) FROM change_points(TABLE orders, value => amount)").fetchone()[0] > 0
    assert c.execute(
        "SELECT data_type, function_type, syntax_example FROM information_schema.routines WHERE routine_name = 'churn_prob'"
    ).fetchone()[:2] == ("double precision", "SCALAR")
    # the arguments by name, in the order in which they are given
    parameters = c.execute(
        "SELECT parameter_name, data_type, parameter_default FROM information_schema.parameters"
        " WHERE specific_name LIKE 'stage\\_label\\_%' ORDER BY ordinal_position"
    ).fetchall()
    assert parameters[0] == ("stage", "text", None), parameters
    names, types = c.execute("SELECT proargnames, proargtypes FROM pg_proc WHERE proname = 'stage_label'").fetchone()
    assert names[0] == "stage" and types.split()[0] == "25", (names, types)
print("ok")
