"""What Superset should know of Tenure: its SQL is read as PostgreSQL's, grains of time included."""

from __future__ import annotations

from superset.db_engine_specs.postgres import PostgresBaseEngineSpec


class TenureEngineSpec(PostgresBaseEngineSpec):  # type: ignore[misc]
    """Lakes in Superset's own process, by URIs such as ``tenure:////srv/retail``."""

    engine = "tenure"
    engine_name = "Tenure"
    default_driver = "tenure"
