"""A session over lakes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from . import _tenure
from ._errors import InterfaceError
from ._result import Result

Location = str | os.PathLike[str]
Params = Mapping[str, Any] | Sequence[Any]


def open(  # noqa: A001, as in every library that opens something
    lake: Location | Iterable[Location] | None = None,
    *,
    as_of: object | None = None,
    timezone: str | None = None,
    memory_limit: int | None = None,
    threads: int | None = None,
    spill_dir: Location | None = None,
    read_only: bool = False,
    store: Mapping[str, str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Session:
    """Open a session over a lake, over several, or over none.

    :param lake: a folder, file, glob or URL, or several of them
    :param as_of: the point in time that answers are for: a text, a date or a datetime
    :param timezone: the time zone in which days begin
    :param memory_limit: bytes that statements may use
    :param threads: threads that a statement runs on
    :param spill_dir: folder for temporary files
    :param read_only: refuse statements that write or define anything
    :param store: options of the lakes' store, such as ``{"region": "eu-west-2"}``
    :param settings: further settings, such as ``{"horizon": "30 days"}``
    """
    if lake is None:
        lakes: list[Location] = []
    elif isinstance(lake, (str, os.PathLike)):
        lakes = [lake]
    else:
        lakes = list(lake)
    native = _tenure.Session(
        {
            "lakes": [os.fspath(each) for each in lakes],
            "as_of": None if as_of is None else str(as_of),
            "timezone": timezone,
            "memory_limit": memory_limit,
            "threads": threads,
            "spill_dir": None if spill_dir is None else os.fspath(spill_dir),
            "read_only": read_only,
            "store": {str(k): str(v) for k, v in (store or {}).items()},
            "settings": {str(k): _text(v) for k, v in (settings or {}).items()},
        }
    )
    for noticed in native.warnings:
        warnings.warn(noticed, stacklevel=2)
    return Session(native)


def queries() -> list[dict[str, Any]]:
    """Return the questions of the query library: name, title, description, parameters, SQL."""
    return _tenure.queries()


class Session:
    """A session over lakes; :func:`tenure.open` makes one.

    It may be used by several threads. ``with`` closes it at the end.
    """

    def __init__(self, native: _tenure.Session) -> None:
        self._native = native

    def sql(self, query: str, params: Params | None = None) -> Result:
        """Run one statement.

        Values for ``$name`` come as a dict, values for ``$1`` as a list or tuple. Statements that
        change something take effect at once; rows are made when the result is asked for them.
        """
        if isinstance(params, Mapping):
            params = dict(params)
        elif params is not None and not isinstance(params, (str, bytes)):
            params = list(params)
        return Result(self._native.sql(query, params))

    def run(self, name: str, /, **params: object) -> Result:
        """Run a question of the query library, such as ``churn/at_risk``."""
        given = [(key, _text(value)) for key, value in params.items()]
        rows, chart = self._native.run(name, given)
        return Result(rows, chart)

    def register(self, name: str, data: object) -> None:
        """Make rows known as the table ``name``; a name given before takes the new rows.

        ``data`` is anything with the Arrow PyCapsule protocol: a table, batch or reader of
        pyarrow, a frame of Polars or pandas, a result of this package. A table is not copied; a
        reader is read to its end.
        """
        polars = sys.modules.get("polars")
        if polars is not None and isinstance(data, polars.DataFrame):
            # Polars gives columns of nothing but nulls a buffer, which only pyarrow overlooks
            data = pa.table(data)
        self._native.register(name, data)

    def drop(self, name: str) -> bool:
        """Forget a table that was registered or made; say whether there was one."""
        return self._native.drop(name)

    def functions(self) -> Result:
        """Return every function: name, kind, family, signature, description, whose it is."""
        return Result.of(self._native.functions(), drop=["arguments", "example"])

    def function(self, name: str) -> dict[str, Any]:
        """Return what is known of a function, with its arguments and an example."""
        found = [each for each in self._native.functions() if each["name"] == name.lower()]
        if not found:
            raise InterfaceError(f"there is no function {name}\nhint: functions() lists them")
        return found[0]

    def tables(self) -> list[dict[str, Any]]:
        """Return every relation: catalog, schema, name, kind and columns with their types."""
        return self._native.tables()

    def parameters(self, query: str) -> dict[str, str | None]:
        """Return names and types of a statement's parameters, without running it."""
        return dict(self._native.parameters(query))

    def describe(self) -> str:
        """Say what the lakes are: where, their tables, their models."""
        return self._native.describe()

    @property
    def lakes(self) -> list[str]:
        """Names of the open lakes."""
        return self._native.lakes

    @property
    def closed(self) -> bool:
        """Whether the session is closed."""
        return self._native.closed

    def close(self) -> None:
        """Forget the lakes and what was made."""
        self._native.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.closed:
            return "<tenure.Session, closed>"
        return f"<tenure.Session over {', '.join(self.lakes) or 'no lake'}>"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
