"""What the tests share."""

import os

import pytest
import tenure

LAKE = os.environ["TENURE_LAKE"]
AS_OF = "2018-01-01"


@pytest.fixture
def t():
    """A session over the lake that ships."""
    with tenure.open(LAKE, as_of=AS_OF) as session:
        yield session


@pytest.fixture
def empty():
    """A session without a lake."""
    with tenure.open() as session:
        yield session
