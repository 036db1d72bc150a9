"""The answer to a statement."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from . import _html, _tenure
from ._errors import InterfaceError

if TYPE_CHECKING:
    import pandas
    import polars

#: rows that the prompt and notebooks show
SHOWN = 20


class Result:
    """The rows of an answer, read when they are asked for.

    :meth:`to_arrow`, :meth:`to_polars` and :meth:`to_pandas` keep the rows, so that they can be
    called again; :meth:`stream` and the PyCapsule protocol hand them on as they are made, once.
    """

    def __init__(
        self, rows: _tenure.Rows | None, chart: dict[str, str | None] | None = None
    ) -> None:
        self._rows = rows
        self._chart = chart
        #: rows that the statement changed, if it is one that changes rows
        self.changed: int | None = None if rows is None else rows.changed
        self._table: pa.Table | None = None
        # read for display, before anyone asked for all
        self._head: list[pa.RecordBatch] = []

    @classmethod
    def of(cls, rows: list[dict[str, Any]], drop: list[str]) -> Result:
        """Make a result of rows that are there already."""
        result = cls(None)
        result._table = pa.Table.from_pylist(rows).drop_columns(drop)
        return result

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        if self._table is not None:
            return self._table.schema
        return self._unread().schema

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)

    def to_arrow(self) -> pa.Table:
        """Return all rows as a ``pyarrow.Table``."""
        if self._table is None:
            rest = self._unread().collect()
            head = pa.Table.from_batches(self._head, rest.schema)
            self._table = pa.concat_tables([head, rest]) if self._head else rest
            self._rows, self._head = None, []
        return self._table

    def to_polars(self) -> polars.DataFrame:
        """Return all rows as a Polars ``DataFrame``."""
        import polars

        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def to_pandas(self, **options: Any) -> pandas.DataFrame:
        """Return all rows as a pandas ``DataFrame``; options are those of pyarrow."""
        return self.to_arrow().to_pandas(**options)

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return all rows as a list of dicts."""
        return self.to_arrow().to_pylist()

    def stream(self) -> Iterator[pa.RecordBatch]:
        """Yield batches as they are made; afterwards the result is used up."""
        if self._table is not None:
            yield from self._table.to_batches()
            return
        rows, head = self._take()
        yield from head
        while (batch := rows.next_batch()) is not None:
            yield batch

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        if self._table is None and not self._head:
            return self._take()[0].__arrow_c_stream__(requested_schema)
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def chart(
        self,
        kind: str | None = None,
        *,
        x: str | None = None,
        y: str | None = None,
        by: str | None = None,
        width: int = 80,
    ) -> str:
        """Draw the rows with characters: ``bar``, ``line``, ``funnel`` or ``heat``.

        What is not given is what the question of the query library says, or what the columns
        suggest.
        """
        given = {"kind": kind, "x": x, "y": y, "by": by}
        if not any(given.values()) and self._chart is not None:
            given = self._chart
        return _tenure.chart(self.to_arrow(), width=width, **given)

    def _unread(self) -> _tenure.Rows:
        if self._rows is None:
            raise InterfaceError(
                "the rows were handed on already\nhint: run the statement again, or begin with "
                "to_arrow(), which keeps them"
            )
        return self._rows

    def _take(self) -> tuple[_tenure.Rows, list[pa.RecordBatch]]:
        taken = self._unread(), self._head
        self._rows, self._head = None, []
        return taken

    def _first(self, count: int) -> tuple[pa.Table, bool]:
        """Return the first rows, and whether there are more. The rest is not read for it."""
        if self._table is None:
            rows = self._unread()
            while sum(batch.num_rows for batch in self._head) <= count:
                batch = rows.next_batch()
                if batch is None:
                    self.to_arrow()
                    break
                self._head.append(batch)
        if self._table is not None:
            return self._table.slice(0, count), self._table.num_rows > count
        return pa.Table.from_batches(self._head).slice(0, count), True

    def __repr__(self) -> str:
        if self._table is None and self._rows is None:
            return "<tenure.Result, handed on>"
        if not self.columns:
            return "<tenure.Result, no columns>"
        table, more = self._first(SHOWN)
        width = shutil.get_terminal_size().columns
        text = _tenure.text(table, width, SHOWN).rstrip("\n")
        return f"{text}\n{_html.footer(self._table, SHOWN)}" if more else text

    def _repr_html_(self) -> str | None:
        if (self._table is None and self._rows is None) or not self.columns:
            return None
        # a chart draws all rows
        chart = self.chart() if self._chart is not None else None
        table, more = self._first(SHOWN)
        return _html.page(table, _html.footer(self._table, SHOWN) if more else None, chart)
