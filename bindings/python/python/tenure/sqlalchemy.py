"""SQLAlchemy: ``create_engine("tenure:///data/retail?as_of=2018-01-01")``.

After ``tenure://`` comes the lake: ``tenure:///folder`` from where the program runs,
``tenure:////folder`` from the root, ``tenure:///s3://bucket/lake`` in a store. Behind ``?`` come
the arguments of :func:`tenure.open`, and settings by their names.

It works with SQLAlchemy 1.4 as with 2; what is there for 1.4 alone says so.
"""

from __future__ import annotations

import datetime
import re
from types import ModuleType
from typing import Any

import pyarrow as pa
from sqlalchemy import pool, types
from sqlalchemy.engine import URL, Connection, default
from sqlalchemy.exc import ArgumentError, CompileError, NoSuchTableError
from sqlalchemy.sql import compiler, sqltypes, type_api

_OPEN = ("as_of", "timezone", "spill_dir")
_NUMBERS = ("memory_limit", "threads")

# 1.4 does not know this style of parameters: it has names there, and gives a dict
compiler.BIND_TEMPLATES.setdefault("numeric_dollar", "$%(name)s")


class INTERVAL(type_api.NativeForEmulated, sqltypes._AbstractInterval):
    """A length of time: a ``timedelta``, or what Arrow has if it counts months or nanoseconds."""

    __visit_name__ = "INTERVAL"
    native = True

    @property
    def python_type(self) -> type[datetime.timedelta]:
        return datetime.timedelta

    def literal_processor(self, dialect: Any) -> Any:
        def process(value: datetime.timedelta) -> str:
            seconds = f"{value.seconds}.{value.microseconds:06}"
            return f"INTERVAL '{value.days} days {seconds} seconds'"

        return process

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        def process(value: Any) -> Any:
            # differences of timestamps are a timedelta already
            if not isinstance(value, pa.MonthDayNano) or value.months or value.nanoseconds % 1000:
                return value
            return datetime.timedelta(value.days, microseconds=value.nanoseconds // 1000)

        return process


_TYPES: dict[str, type[types.TypeEngine[Any]]] = {
    "Boolean": types.BOOLEAN,
    "Int8": types.SMALLINT,
    "Int16": types.SMALLINT,
    "Int32": types.INTEGER,
    "Int64": types.BIGINT,
    "UInt8": types.SMALLINT,
    "UInt16": types.INTEGER,
    "UInt32": types.BIGINT,
    "UInt64": types.NUMERIC,
    "Float16": types.FLOAT,
    "Float32": types.REAL,
    # 1.4 has no DOUBLE, and a FLOAT is as wide
    "Float64": getattr(types, "DOUBLE", types.FLOAT),
    "Utf8": types.VARCHAR,
    "LargeUtf8": types.VARCHAR,
    "Utf8View": types.VARCHAR,
    "Binary": types.LargeBinary,
    "LargeBinary": types.LargeBinary,
    "BinaryView": types.LargeBinary,
    "Date32": types.DATE,
    "Date64": types.DATE,
}


def _type(name: str) -> types.TypeEngine[Any]:
    """The SQL type of an Arrow type's name."""
    if name in _TYPES:
        return _TYPES[name]()
    if name.startswith("Timestamp"):
        return types.TIMESTAMP(timezone="," in name and "None" not in name)
    if name.startswith("Time"):
        return types.TIME()
    if name.startswith(("Interval", "Duration")):
        return INTERVAL()
    if name.startswith("Decimal"):
        digits = name[name.index("(") + 1 : -1].split(",")
        return types.NUMERIC(int(digits[0]), int(digits[1]))
    if name.startswith("Dictionary"):
        return types.VARCHAR()
    return types.NullType()


class _Types(compiler.GenericTypeCompiler):
    """Types by the names that the engine knows, none of them narrower than what was asked for."""

    def visit_FLOAT(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        # the engine's FLOAT has 24 bits
        precision = getattr(type_, "precision", None)
        return "REAL" if precision is not None and precision <= 24 else "DOUBLE"

    def visit_DOUBLE(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        return "DOUBLE"

    visit_DOUBLE_PRECISION = visit_DOUBLE  # noqa: N815

    def visit_DATETIME(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        # microseconds, as Python's own; with a zone the engine knows nanoseconds only
        return "TIMESTAMP WITH TIME ZONE" if getattr(type_, "timezone", False) else "TIMESTAMP(6)"

    visit_TIMESTAMP = visit_DATETIME  # noqa: N815

    def visit_large_binary(self, type_: Any, **kw: Any) -> str:
        return "BYTEA"

    visit_BINARY = visit_VARBINARY = visit_BLOB = visit_large_binary  # noqa: N815

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        return "VARCHAR"

    visit_NVARCHAR = visit_CHAR = visit_NCHAR = visit_TEXT = visit_CLOB = visit_VARCHAR  # noqa: N815
    visit_JSON = visit_UUID = visit_VARCHAR  # noqa: N815

    def visit_INTERVAL(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        return "INTERVAL"


class _Statements(compiler.SQLCompiler):
    """Statements in the words that the engine knows."""

    def bindparam_string(self, name: str, *args: Any, **kw: Any) -> str:
        # names, with 1.4: the engine reads plain ones, and no two may become the same
        plain = re.sub(r"(?a)^\d|\W", lambda sign: f"_{ord(sign[0]):x}_", name)
        if plain != name and not self.positional:
            name, kw["escaped_from"] = plain, name
        return super().bindparam_string(name, *args, **kw)

    def visit_regexp_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return self._regexp_match("~", binary, **kw)

    def visit_not_regexp_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return self._regexp_match("!~", binary, **kw)

    def _regexp_match(self, sign: str, binary: Any, **kw: Any) -> str:
        flags = binary.modifiers["flags"]
        if flags is None:
            return self._generate_generic_binary(binary, f" {sign} ", **kw)
        if flags == "i":
            return self._generate_generic_binary(binary, f" {sign}* ", **kw)
        # there are no operators for the others, patterns know them all
        flags = self.render_literal_value(f"(?{flags})", types.STRINGTYPE)
        text, pattern = self.process(binary.left, **kw), self.process(binary.right, **kw)
        return f"{text} {sign} ({flags} || {pattern})"

    def visit_regexp_replace_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        given = [self.process(binary.left, **kw), self.process(binary.right, **kw)]
        if (flags := binary.modifiers["flags"]) is not None:
            given.append(self.render_literal_value(flags, types.STRINGTYPE))
        return f"regexp_replace({', '.join(given)})"

    def fetch_clause(self, select: Any, *args: Any, **kw: Any) -> str:
        for option, asked in select._fetch_clause_options.items():
            if asked:
                raise CompileError(f"fetch() knows no {option} here, only a number of rows")
        text = f"\n LIMIT {self.process(select._fetch_clause, **kw)}"
        if select._offset_clause is not None:
            text += f" OFFSET {self.process(select._offset_clause, **kw)}"
        return text


class TenureDialect(default.DefaultDialect):
    """Tenure, in process."""

    name = "tenure"
    driver = "tenure"
    type_compiler_cls = _Types
    # its name in 1.4
    type_compiler = _Types
    statement_compiler = _Statements
    colspecs = {types.Interval: INTERVAL}
    supports_statement_cache = True
    default_paramstyle = "numeric_dollar"
    supports_native_boolean = True
    supports_native_decimal = True
    supports_native_uuid = False
    supports_alter = False
    supports_comments = False
    supports_schemas = True
    supports_views = True
    supports_sane_rowcount = False
    supports_sane_multi_rowcount = False
    supports_multivalues_insert = True
    supports_empty_insert = False
    postfetch_lastrowid = False
    insert_returning = False
    max_identifier_length = 255

    def __init__(self, isolation_level: Any = None, **options: Any) -> None:
        """Take the isolation level, which 1.4 leaves to its dialects."""
        super().__init__(**options)
        if isolation_level is not None:
            self.set_isolation_level(None, isolation_level)

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """The DB-API module underneath."""
        from . import dbapi

        return dbapi

    # its name in 1.4
    dbapi = import_dbapi  # type: ignore[assignment]

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        """One session for all: what one connection makes, the others see."""
        return pool.StaticPool

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        """From the URL to the arguments of :func:`tenure.open`."""
        place = "/".join(part for part in (url.host, url.database) if part)
        options: dict[str, Any] = {}
        settings: dict[str, str] = {}
        store: dict[str, str] = {}
        for name, value in url.query.items():
            text = value if isinstance(value, str) else value[-1]
            if name in _OPEN:
                options[name] = text
            elif name in _NUMBERS:
                options[name] = int(text)
            elif name == "read_only":
                options[name] = text.lower() in ("1", "true", "yes")
            elif name.startswith("store."):
                store[name.removeprefix("store.")] = text
            else:
                settings[name] = text
        return [place or None], options | {"settings": settings, "store": store}

    def initialize(self, connection: Connection) -> None:
        """Ask nothing but where names without a schema are."""
        self.server_version_info = (0, 1)
        self.default_schema_name = self._get_default_schema_name(connection)
        self.default_isolation_level = "AUTOCOMMIT"

    def _get_default_schema_name(self, connection: Connection) -> str:
        return _session(connection)._native.home()[1]

    def get_isolation_level_values(self, dbapi_conn: Any) -> list[Any]:
        """Every statement takes effect at once, and nothing else is to be had."""
        return ["AUTOCOMMIT"]

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """Every statement takes effect at once."""
        return "AUTOCOMMIT"

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Refuse all others, as 2 does by itself; there is nothing to set."""
        if level.upper() != "AUTOCOMMIT":
            raise ArgumentError(
                f"Invalid value {level!r} for isolation_level."
                f" Valid isolation levels for {self.name!r} are AUTOCOMMIT"
            )

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Do nothing: there are no transactions."""

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Whether the session is open."""
        return not dbapi_connection.session.closed

    def _relations(self, connection: Connection, schema: str | None) -> list[dict[str, Any]]:
        session = _session(connection)
        catalog, home = session._native.home()
        wanted = schema or home
        return [t for t in session.tables() if (t["catalog"], t["schema"]) == (catalog, wanted)]

    def _names(self, connection: Connection, schema: str | None, kind: str) -> list[str]:
        found = self._relations(connection, schema)
        return sorted(table["name"] for table in found if table["kind"] == kind)

    def get_schema_names(self, connection: Connection, **kw: Any) -> list[str]:
        session = _session(connection)
        catalog, home = session._native.home()
        found = {t["schema"] for t in session.tables() if t["catalog"] == catalog}
        return sorted(found | {home})

    def get_table_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        return self._names(connection, schema, "table")

    def get_view_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        return self._names(connection, schema, "view")

    def has_table(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        return any(t["name"] == table_name for t in self._relations(connection, schema))

    def get_columns(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> list[Any]:
        for table in self._relations(connection, schema):
            if table["name"] == table_name:
                return [
                    {"name": name, "type": _type(kind), "nullable": True, "default": None}
                    for name, kind in table["columns"]
                ]
        raise NoSuchTableError(table_name)

    def get_pk_constraint(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        return {"constrained_columns": [], "name": None}

    def get_foreign_keys(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        return []

    def get_indexes(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        return []

    def get_unique_constraints(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        return []

    def get_check_constraints(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        return []

    def get_view_definition(self, connection: Connection, view_name: str, schema: str | None = None, **kw: Any) -> Any:
        return None


def _session(connection: Connection) -> Any:
    return connection.connection.session
