"""Tenure: SQL for the customer lifecycle, in process, Arrow in and out.

>>> import tenure
>>> t = tenure.open("data/retail", as_of="2018-01-01")
>>> t.sql("SELECT stage, count(*) AS customers FROM profiles GROUP BY stage").to_pandas()
>>> t.run("churn/at_risk", top=10)
"""

from ._datafusion import register
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
)
from ._result import Result
from ._session import Session, open, queries
from ._tenure import __version__

__all__ = [
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Result",
    "Session",
    "__version__",
    "open",
    "queries",
    "register",
]
