"""What the tests share: the driver under test, and connections through the driver manager."""

import os

import adbc_driver_manager.dbapi as dbapi
import pytest

DRIVER = os.environ["TENURE_ADBC_DRIVER"]
LAKE = os.environ["TENURE_LAKE"]
AS_OF = "2018-01-01"


def connect(lake=LAKE, **options):
    kwargs = {"tenure.as_of": AS_OF} | options
    if lake is not None:
        kwargs["uri"] = str(lake)
    return dbapi.connect(
        driver=DRIVER, entrypoint="AdbcDriverTenureInit", db_kwargs=kwargs, autocommit=True
    )


@pytest.fixture
def connection():
    with connect() as connection:
        yield connection


@pytest.fixture
def cursor(connection):
    with connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def empty():
    """A cursor of a session without a lake."""
    with connect(None) as connection, connection.cursor() as cursor:
        yield cursor
