"""DB-API 2.0 (PEP 249) in process: ``tenure.dbapi.connect("data/retail")``.

Placeholders are ``$1`` with a sequence of values, or ``$name`` with a dict. There are no
transactions: ``commit`` does nothing, ``rollback`` is not supported.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from . import _session
from ._errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

apilevel = "2.0"
#: threads may share the module and connections
threadsafety = 2
#: ``$1``, as PostgreSQL has it; PEP 249 has no word for it, SQLAlchemy has this one
paramstyle = "numeric_dollar"

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:  # noqa: N802
    """Return the day of a number of seconds since 1970."""
    return Date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:  # noqa: N802
    """Return the time of day of a number of seconds since 1970."""
    return Time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:  # noqa: N802
    """Return the point in time of a number of seconds since 1970."""
    return Timestamp(*time.localtime(ticks)[:6])


class _Kind:
    """A class of types: equal to the ``type_code`` of every column that belongs to it."""

    def __init__(self, *tests: Any) -> None:
        self._tests = tests

    def __eq__(self, other: object) -> bool:
        if isinstance(other, pa.DataType):
            return any(test(other) for test in self._tests)
        return self is other

    def __hash__(self) -> int:
        return id(self)


STRING = _Kind(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
BINARY = _Kind(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
NUMBER = _Kind(
    pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean
)
DATETIME = _Kind(pa.types.is_temporal)
ROWID = _Kind()


def connect(lake: Any = None, **options: Any) -> Connection:
    """Open a session; the arguments are those of :func:`tenure.open`."""
    return Connection(_session.open(lake, **options))


class Connection:
    """A session as DB-API 2.0 has it."""

    Warning = Warning
    Error = Error
    InterfaceError = InterfaceError
    DatabaseError = DatabaseError
    DataError = DataError
    OperationalError = OperationalError
    IntegrityError = IntegrityError
    InternalError = InternalError
    ProgrammingError = ProgrammingError
    NotSupportedError = NotSupportedError

    def __init__(self, session: _session.Session) -> None:
        #: the session underneath
        self.session = session

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        self._open()
        return Cursor(self)

    def execute(self, operation: str, parameters: Any = None) -> Cursor:
        """Run a statement on a new cursor, which is returned."""
        return self.cursor().execute(operation, parameters)

    def commit(self) -> None:
        """Do nothing: every statement takes effect at once."""
        self._open()

    def rollback(self) -> None:
        """Refuse: there are no transactions."""
        self._open()
        raise NotSupportedError("there are no transactions: what was done stays")

    def close(self) -> None:
        """Close the session."""
        self.session.close()

    def _open(self) -> None:
        if self.session.closed:
            raise InterfaceError("the connection is closed")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Cursor:
    """A statement under way."""

    def __init__(self, connection: Connection) -> None:
        #: the connection that it belongs to
        self.connection = connection
        #: rows that :meth:`fetchmany` gives
        self.arraysize = 1
        #: seven fields for each column
        self.description: list[tuple[Any, ...]] | None = None
        #: rows that were changed, where the statement says so
        self.rowcount = -1
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self._closed = False

    def execute(self, operation: str, parameters: Any = None) -> Cursor:
        """Run a statement with a sequence or a dict of values."""
        self._open()
        result = self.connection.session.sql(operation, parameters or None)
        self.rowcount = -1 if result.changed is None else result.changed
        # the count is not an answer
        fields = list(result.schema) if result.changed is None else []
        batches = result.stream()
        self.description = [
            (field.name, field.type, None, None, None, None, field.nullable) for field in fields
        ] or None
        self._batches = batches if fields else None
        self._rows = (row for batch in batches for row in _rows(batch))
        return self

    def executemany(self, operation: str, seq_of_parameters: Sequence[Any]) -> Cursor:
        """Run a statement once for each set of values."""
        total = 0
        for parameters in seq_of_parameters:
            self.execute(operation, parameters)
            if self.description is not None:
                raise ProgrammingError("executemany() is for statements that give no rows")
            total += max(self.rowcount, 0)
        self.rowcount = total
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or ``None`` at the end."""
        self._answered()
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Return the next rows, at most ``size``."""
        self._answered()
        wanted = self.arraysize if size is None else size
        return [row for _, row in zip(range(wanted), self._rows)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rest of the rows."""
        self._answered()
        return list(self._rows)

    def fetch_arrow_table(self) -> pa.Table:
        """Return the rows as a ``pyarrow.Table``, in place of the other fetches."""
        batches = self._answered()
        schema = pa.schema([(d[0], d[1]) for d in self.description or []])
        return pa.Table.from_batches(list(batches), schema)

    def close(self) -> None:
        """Let go of the answer."""
        self._closed = True
        self._batches, self._rows = None, iter(())

    def setinputsizes(self, sizes: object) -> None:
        """Do nothing: values bring their types."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing: columns are as large as they are."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        self._answered()
        return self._rows

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        if self._closed:
            raise InterfaceError("the cursor is closed")
        self.connection._open()

    def _answered(self) -> Iterator[pa.RecordBatch]:
        self._open()
        if self._batches is None:
            raise ProgrammingError("there is no answer: the last statement gave no rows")
        return self._batches


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns))
