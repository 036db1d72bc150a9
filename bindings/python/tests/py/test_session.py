"""Sessions: open, ask, run, look around."""

import datetime
import decimal
import pathlib
import re

import numpy
import pandas
import pyarrow as pa
import pytest
import tenure

from conftest import AS_OF, LAKE


def test_a_lake_is_asked_in_sql(t):
    found = t.sql("SELECT stage, count(*) AS n FROM profiles GROUP BY stage ORDER BY stage")
    assert found.columns == ["stage", "n"]
    assert {row["stage"] for row in found.to_pylist()} >= {"at_risk", "churned"}
    assert repr(t) == "<tenure.Session over retail>"
    assert t.lakes == ["retail"]


def test_options_of_a_session():
    with tenure.open(
        pathlib.Path(LAKE),
        as_of=datetime.date(2017, 7, 1),
        timezone="Europe/London",
        memory_limit=256 << 20,
        threads=1,
        settings={"horizon": "30 days", "datafusion.execution.batch_size": 4096},
    ) as t:
        shown = {r["name"]: r["value"] for r in t.sql("SELECT * FROM tenure.settings").to_pylist()}
        assert shown["tenure.as_of"].startswith("2017-07-01")
        assert shown["tenure.timezone"] == "Europe/London"
        assert shown["tenure.horizon"] == "30 days"
        assert t.sql("SHOW datafusion.execution.batch_size").to_pylist()[0]["value"] == "4096"
    assert t.closed
    with pytest.raises(tenure.Error, match="the session is closed"):
        t.sql("SELECT 1")


def test_several_lakes_and_none(empty, tmp_path):
    cdnow = pathlib.Path(LAKE).with_name("cdnow")
    # what one lake states does not decide about the other
    with pytest.warns(UserWarning, match=r"stage_policy \(retail: grocery, cdnow: none\)"):
        t = tenure.open([LAKE, cdnow], as_of=AS_OF)
    with t:
        assert t.lakes == ["retail", "cdnow"]
        assert t.sql("SELECT count(*) AS n FROM cdnow.orders").to_pylist()[0]["n"] > 0
    assert empty.lakes == []
    assert repr(empty) == "<tenure.Session over no lake>"
    with pytest.raises(tenure.Error) as e:
        tenure.open(tmp_path / "nowhere")
    assert e.value.sqlstate == "42P01"


def test_wrong_settings_are_said():
    with pytest.raises(tenure.ProgrammingError, match="there is no setting tenure.horizn") as e:
        tenure.open(settings={"horizn": "1 day"})
    assert "horizon" in e.value.hint
    with pytest.raises(tenure.ProgrammingError) as e:
        tenure.open(LAKE, as_of="next summer")
    assert e.value.sqlstate == "22023"


def test_a_session_is_read_only_if_wanted():
    with tenure.open(LAKE, read_only=True) as t:
        with pytest.raises(tenure.ProgrammingError) as e:
            t.sql("CREATE TABLE x AS SELECT 1")
        assert e.value.sqlstate == "25006"


def test_statements_that_change_something_take_effect_at_once(empty):
    empty.sql("CREATE TABLE x (n BIGINT)")
    changed = empty.sql("INSERT INTO x VALUES (1), (2)")
    assert changed.changed == 2
    assert empty.sql("SELECT sum(n) AS s FROM x").to_pylist() == [{"s": 3}]
    assert empty.sql("SELECT 1").changed is None
    empty.sql("SET tenure.horizon = '30 days'")
    assert empty.sql("SHOW tenure.horizon").to_pylist()[0]["value"] == "30 days"


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        -(2**62),
        2**63 + 5,
        0.25,
        "it's",
        b"\x00\xff",
        decimal.Decimal("-12.50"),
        datetime.date(2017, 7, 1),
        datetime.time(12, 30, 0, 5),
        datetime.datetime(2017, 7, 1, 12, 30, 0, 5),
        datetime.datetime(2017, 7, 1, 12, 30, tzinfo=datetime.timezone.utc),
        ["a", "b"],
        [1, None, 3],
    ],
)
def test_a_parameter_comes_back_as_it_was(empty, value):
    for sql, params in [("SELECT $1 AS x", [value]), ("SELECT $x AS x", {"x": value})]:
        (row,) = empty.sql(sql, params).to_pylist()
        assert row["x"] == value


def test_further_kinds_of_parameters(empty):
    def one(value):
        return empty.sql("SELECT $1 AS x", (value,)).to_pylist()[0]["x"]

    assert one(numpy.int64(5)) == 5
    assert one(pandas.Timestamp("2017-07-01")) == datetime.datetime(2017, 7, 1)
    spans = empty.sql(
        "SELECT TIMESTAMP '2017-07-01' + $1 AS x", [datetime.timedelta(days=1, hours=2)]
    ).to_pylist()
    assert spans == [{"x": datetime.datetime(2017, 7, 2, 2)}]
    with pytest.raises(TypeError, match="values of one type"):
        one([1, "a"])
    with pytest.raises(TypeError, match="type object cannot be a parameter"):
        one(object())
    with pytest.raises(TypeError, match="parameters are a dict"):
        empty.sql("SELECT $1", "text")
    with pytest.raises(tenure.ProgrammingError, match=r"\$2 has no value: 1 value is given"):
        empty.sql("SELECT $1, $2", [1])
    with pytest.raises(tenure.ProgrammingError, match=r"\$b has no value"):
        empty.sql("SELECT $b", {"a": 1})


def test_parameters_are_known_before(t):
    found = t.parameters("SELECT * FROM orders WHERE amount > $least LIMIT $n")
    assert found["least"] == "Float64"
    assert set(found) == {"least", "n"}


def test_questions_of_the_library(t):
    found = t.run("churn/at_risk", top=5)
    assert found.to_arrow().num_rows == 5
    names = [query["name"] for query in tenure.queries()]
    assert len(names) > 30 and "stages/overview" in names
    with pytest.raises(tenure.ProgrammingError, match="did you mean churn/at_risk"):
        t.run("churn/at_risks")
    with pytest.raises(tenure.ProgrammingError, match="parameter top is INT, not 'many'"):
        t.run("churn/at_risk", top="many")


def test_every_question_runs(t):
    given = {"customer": "1", "since": "2017-07-01"}
    for query in tenure.queries():
        needed = {p[0]: given[p[0]] for p in query["parameters"] if p[2] is None}
        result = t.run(query["name"], **needed)
        assert result.columns == [name for name, _ in query["columns"]], query["name"]


def test_functions_and_tables(t):
    functions = t.functions().to_pandas()
    assert {"stage_of", "window_funnel"} <= set(functions[functions["tenure"]]["name"])
    one = t.function("stage_label")
    assert one["kind"] == "scalar" and one["arguments"] and one["example"]
    with pytest.raises(tenure.Error, match="there is no function nothing"):
        t.function("nothing")
    orders = [x for x in t.tables() if (x["schema"], x["name"]) == ("main", "orders")]
    assert orders[0]["kind"] == "view"
    assert ("amount", "Float64") in orders[0]["columns"]
    assert re.search(r"retail at .*retail", t.describe())


def test_frames_become_tables(empty):
    import polars

    for data in [
        pa.table({"a": [1, 2], "b": ["x", None]}),
        pa.record_batch({"a": [1, 2], "b": ["x", None]}),
        pa.table({"a": [1, 2], "b": ["x", None]}).to_reader(),
        polars.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pandas.DataFrame({"a": [1, 2], "b": ["x", None]}),
        empty.sql("SELECT * FROM (VALUES (1, 'x'), (2, NULL)) v(a, b)"),
    ]:
        # a name takes the new rows
        empty.register("given", data)
        rows = empty.sql("SELECT a, b FROM given ORDER BY a").to_pylist()
        assert rows == [{"a": 1, "b": "x"}, {"a": 2, "b": None}], type(data)
    assert empty.drop("given")
    assert not empty.drop("given")
    with pytest.raises(tenure.Error) as e:
        empty.sql("SELECT * FROM given")
    assert e.value.sqlstate == "42P01"
    with pytest.raises((TypeError, ValueError)):
        empty.register("given", [1, 2])


def test_polars_columns_of_nothing_but_nulls(empty):
    import polars

    rows = [{"a": 1, "n": None, "l": [None], "s": {"m": None}}] * 2
    empty.register("given", polars.DataFrame(rows))
    assert empty.sql("SELECT * FROM given").to_pylist() == rows


def test_a_table_of_the_lake_is_not_replaced(t):
    with pytest.raises(tenure.Error, match="belongs to the lake"):
        t.register("orders", pa.table({"a": [1]}))


def test_frames_meet_the_lake(t):
    t.register("chosen", pa.table({"customer_id": pa.array([2226, 2318], pa.int64())}))
    sql = "SELECT count(*) AS n FROM orders JOIN chosen USING (customer_id)"
    assert t.sql(sql).to_pylist()[0]["n"] > 0


def test_nothing_is_copied_on_the_way_in_and_out(empty):
    numbers = pa.array(range(100_000), pa.int64())
    empty.register("numbers", pa.table({"n": numbers}))
    out = empty.sql("SELECT n FROM numbers").to_arrow()
    addresses = {chunk.buffers()[1].address for chunk in out["n"].chunks}
    start, size = numbers.buffers()[1].address, numbers.buffers()[1].size
    assert all(start <= address < start + size for address in addresses)
