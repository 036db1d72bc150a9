"""The ADBC driver that is in this package."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _tenure

if TYPE_CHECKING:
    import adbc_driver_manager.dbapi

#: name of the driver's entry point
ENTRYPOINT = "AdbcDriverTenureInit"


def driver_path() -> str:
    """Return the path of the library that any ADBC driver manager loads."""
    path = _tenure.__file__  # type: ignore[attr-defined]
    return os.fspath(path)


def connect(
    uri: str | os.PathLike[str] | None = None, **options: object
) -> adbc_driver_manager.dbapi.Connection:
    """Connect to a lake through the ADBC driver manager of Python.

    Options are those of the driver, with ``__`` for a dot: ``tenure__as_of="2018-01-01"``,
    ``read_only=True``, ``store__region="eu-west-2"``.
    """
    import adbc_driver_manager.dbapi

    given = {name.replace("__", "."): _text(value) for name, value in options.items()}
    if uri is not None:
        given["uri"] = os.fspath(uri)
    return adbc_driver_manager.dbapi.connect(
        driver=driver_path(), entrypoint=ENTRYPOINT, db_kwargs=given, autocommit=True
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
