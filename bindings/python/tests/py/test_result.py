"""Results: as Arrow, Polars and pandas, streamed, shown."""

import pandas
import polars
import pyarrow as pa
import pytest
import tenure

from conftest import LAKE

SERIES = "SELECT value AS n FROM generate_series(1, 3000000)"


def test_a_result_is_a_table_of_every_library(t):
    result = t.sql("SELECT customer_id, amount FROM orders ORDER BY ts, customer_id LIMIT 100")
    table = result.to_arrow()
    assert isinstance(table, pa.Table) and table.num_rows == 100
    assert isinstance(result.to_polars(), polars.DataFrame)
    assert isinstance(result.to_pandas(), pandas.DataFrame)
    assert result.to_polars()["amount"].to_list() == table["amount"].to_pylist()
    assert list(result.to_pandas()["amount"]) == table["amount"].to_pylist()
    assert result.schema == table.schema


def test_others_read_it_by_the_capsule(empty):
    assert pa.table(empty.sql("SELECT 1 AS x")).to_pylist() == [{"x": 1}]
    assert polars.DataFrame(empty.sql("SELECT 1 AS x")).to_dicts() == [{"x": 1}]
    assert pandas.DataFrame.from_arrow(empty.sql("SELECT 1 AS x")).to_dict("list") == {"x": [1]}
    reader = pa.RecordBatchReader.from_stream(empty.sql(SERIES))
    assert sum(batch.num_rows for batch in reader) == 3_000_000


def test_text_is_in_a_form_that_every_library_works_on(t):
    import pyarrow.compute as pc

    sql = "SELECT customer_id, event_type, channel FROM events LIMIT 1000"
    table = t.sql(sql).to_arrow()
    assert set(table.schema.types[1:]) == {pa.large_string()}
    wanted = table["event_type"][0].as_py()
    chosen = table.filter(pc.equal(table["event_type"], wanted)).sort_by("channel")
    assert chosen.num_rows > 0
    assert next(t.sql(sql).stream()).schema == table.schema
    # the engine's own form, which Polars has as well
    with tenure.open(
        LAKE, settings={"datafusion.optimizer.expand_views_at_output": False}
    ) as own:
        assert own.sql(sql).schema.types[1] == pa.string_view()
        assert own.sql(sql).to_polars().height == 1000


def test_rows_stream(empty):
    result = empty.sql(SERIES)
    batches = result.stream()
    first = next(batches)
    assert isinstance(first, pa.RecordBatch) and first.num_rows < 100_000
    assert first.num_rows + sum(batch.num_rows for batch in batches) == 3_000_000
    with pytest.raises(tenure.InterfaceError, match="the rows were handed on already"):
        result.to_arrow()
    assert repr(result) == "<tenure.Result, handed on>"
    assert result._repr_html_() is None


def test_a_kept_result_streams_again(empty):
    result = empty.sql(SERIES)
    assert result.to_arrow().num_rows == 3_000_000
    assert sum(batch.num_rows for batch in result.stream()) == 3_000_000
    assert pa.table(result).num_rows == 3_000_000


def test_what_is_shown_is_not_all_that_is_read(empty):
    result = empty.sql("SELECT value AS n FROM generate_series(1, 1000000000000)")
    text = repr(result)
    assert "bigint" in text and text.endswith("the first 20 rows; there are more")
    assert "there are more" in result._repr_html_()
    # what was shown is not lost
    batches = result.stream()
    assert next(batches).column(0)[0].as_py() == 1


def test_after_a_look_all_rows_are_there(empty):
    result = empty.sql(SERIES)
    repr(result)
    table = result.to_arrow()
    assert table.num_rows == 3_000_000
    assert table["n"][0].as_py() == 1
    assert "the first 20 of 3,000,000 rows" in repr(result)


def test_notebooks_show_types_nulls_and_nothing_dangerous(empty):
    html = empty.sql("SELECT 1 AS n, '<script>' AS s, NULL AS \"a<b\"")._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html and "a&lt;b" in html
    assert "int64" in html and ">NULL<" in html
    assert "there are more" not in html
    assert empty.sql("SET tenure.horizon = '1 day'")._repr_html_() is None
    assert repr(empty.sql("SET tenure.horizon = '1 day'")) == "<tenure.Result, no columns>"


def test_questions_with_a_chart_show_it(t):
    result = t.run("stages/overview")
    html = result._repr_html_()
    assert "<pre" in html and "█" in html
    assert "█" in result.chart()
    assert "█" not in t.sql("SELECT 1 AS x")._repr_html_()


def test_charts_of_any_answer(empty):
    result = empty.sql("SELECT * FROM (VALUES ('a', 3), ('b', 1)) v(name, n)")
    assert result.chart().count("█") > result.chart(width=40).count("█") > 0
    assert "█" in result.chart("bar", x="name", y="n")
    with pytest.raises(tenure.Error, match='no column "nothing"'):
        result.chart("bar", y="nothing")
    with pytest.raises(tenure.Error, match="the kinds are bar"):
        result.chart("pie")
    with pytest.raises(tenure.Error, match="no column of numbers"):
        empty.sql("SELECT 'a' AS x").chart()


def test_no_rows_keep_their_columns(empty):
    result = empty.sql("SELECT 1 AS x WHERE false")
    assert result.to_arrow().schema.names == ["x"]
    assert result.to_pandas().shape == (0, 1)
    assert "x" in repr(result)
