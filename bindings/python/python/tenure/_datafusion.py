"""Tenure's functions for the stock ``datafusion`` package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _tenure
from ._errors import InterfaceError

if TYPE_CHECKING:
    import datafusion

#: the major whose functions fit
MAJOR = 55


def register(context: datafusion.SessionContext) -> int:
    """Register every scalar, aggregate and window function of Tenure's; return how many.

    They go through the capsules of DataFusion's FFI, which only fits between builds of the same
    major. What is more than a function, as ``FROM funnel(…)`` and the canonical views, needs a
    session of this package.
    """
    import datafusion

    major = int(datafusion.__version__.split(".")[0])
    if major != MAJOR:
        raise InterfaceError(
            f"these functions are made for datafusion {MAJOR}, not {datafusion.__version__}\n"
            f"hint: pip install 'datafusion=={MAJOR}.*'"
        )
    scalar, aggregate, window = _tenure.functions()
    for one in scalar:
        context.register_udf(datafusion.ScalarUDF.from_pycapsule(one))
    for many in aggregate:
        context.register_udaf(datafusion.AggregateUDF.from_pycapsule(many))
    for over in window:
        context.register_udwf(datafusion.WindowUDF.from_pycapsule(over))
    return len(scalar) + len(aggregate) + len(window)
