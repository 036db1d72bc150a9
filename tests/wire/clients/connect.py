"""A connection to the server under test: its port is the first argument."""

import contextlib
import os
import sys

import psycopg

PORT = int(sys.argv[1])
DSN = f"host=127.0.0.1 port={PORT} dbname=retail connect_timeout=20"
URL = f"{os.environ['PGUSER']}:{os.environ['PGPASSWORD']}@127.0.0.1:{PORT}/retail"


def connect(**kwargs):
    kwargs.setdefault("autocommit", True)
    return psycopg.connect(DSN, **kwargs)


@contextlib.contextmanager
def fails(sqlstate):
    """What is inside fails with this SQLSTATE."""
    try:
        yield
    except psycopg.Error as e:
        assert e.sqlstate == sqlstate, f"{e.sqlstate} and not {sqlstate}: {e}"
    else:
        raise AssertionError(f"no error, and {sqlstate} is expected")
