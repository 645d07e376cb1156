"""Fixtures: a service that reaches its database through a proxy, which can cut, freeze and refuse connections."""

from collections.abc import Iterator

import pytest

from tests.support.client import Person, fresh_user
from tests.support.proxy import Proxy, socket_of
from tests.support.service import Service, running


@pytest.fixture(scope="module")
def proxy(database_url: str) -> Iterator[Proxy]:
    with Proxy(socket_of(database_url)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def behind(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), {"DATABASE_URL": proxy.url}) as service:
        yield service


@pytest.fixture
def cut_off(behind: Service) -> Iterator[Person]:
    """A client of that service."""
    with Person(behind.url, fresh_user("ann")) as person:
        yield person
