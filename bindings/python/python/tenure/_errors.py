"""The exceptions of Tenure, in the hierarchy of DB-API 2.0."""

from __future__ import annotations


class Warning(Exception):  # noqa: A001, the name is that of DB-API 2.0
    """What should be known and stops nothing."""


class Error(Exception):
    """What went wrong, where in the statement, and what to do about it."""

    #: the class of the error, as ``UndefinedColumn``
    kind: str = "Usage"
    #: five characters, as PostgreSQL has them
    sqlstate: str = "22023"
    #: what to do
    hint: str | None = None
    #: line of the statement, from 1
    line: int | None = None
    #: column in this line, from 1
    column: int | None = None


class InterfaceError(Error):
    """A wrong call of this package."""


class DatabaseError(Error):
    """What the engine says."""


class DataError(DatabaseError):
    """Data that is not what it should be."""


class OperationalError(DatabaseError):
    """Memory, disk, stores, cancels: not the statement's fault."""


class IntegrityError(DatabaseError):
    """Not raised: a lake has no constraints."""


class InternalError(DatabaseError):
    """A defect of Tenure."""


class ProgrammingError(DatabaseError):
    """A statement that cannot be meant."""


class NotSupportedError(DatabaseError):
    """What is understood and not supported."""


_CLASSES: dict[str, type[Error]] = {
    "NotSupported": NotSupportedError,
    "DivisionByZero": DataError,
    "OutOfRange": DataError,
    "Drift": DataError,
    "Corrupt": DataError,
    "Changed": OperationalError,
    "Gone": OperationalError,
    "Denied": OperationalError,
    "Unreachable": OperationalError,
    "Memory": OperationalError,
    "Disk": OperationalError,
    "Interrupted": OperationalError,
    "Io": OperationalError,
    "Internal": InternalError,
}


def make(
    kind: str, sqlstate: str, message: str, hint: str | None, place: tuple[int, int] | None
) -> Error:
    """The exception for an error of the engine, which calls this."""
    text = message
    if place is not None:
        text = f"{text} (line {place[0]}, column {place[1]})"
    if hint is not None:
        text = f"{text}\nhint: {hint}"
    error = _CLASSES.get(kind, ProgrammingError)(text)
    error.kind, error.sqlstate, error.hint = kind, sqlstate, hint
    if place is not None:
        error.line, error.column = place
    return error
