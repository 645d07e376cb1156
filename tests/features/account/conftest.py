"""A user whose token is a minute old, so that a new one is of a later second."""

from collections.abc import Iterator

import pytest

from tests.support.client import Person, fresh_user
from tests.support.erasure import holding
from tests.support.service import Service


@pytest.fixture
def ann(service: Service) -> Iterator[Person]:
    with holding(service, fresh_user("ann")) as person:
        yield person
