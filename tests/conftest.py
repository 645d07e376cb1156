"""One PostgreSQL and at most one Citus cluster for the test run, and one service for each test process."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.client import Person, fresh_user
from tests.support.cluster import Cluster, shared_cluster, stop_shared_cluster
from tests.support.service import Service, running
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.db.migrations import upgrade

_URL = "TEST_DATABASE_URL"
_CLUSTER = "TEST_CLUSTER_DIRECTORY"
_STARTED = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Starts PostgreSQL in the main process; the workers of pytest-xdist find its URL in the environment."""
    if not hasattr(config, "workerinput"):
        stack = config.stash[_STARTED] = ExitStack()
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="todo-api-", ignore_cleanup_errors=True))
        Path(home).chmod(0o755)
        url = stack.enter_context(embedded_postgres(Path(home), {"fsync": "off"}))
        upgrade(url)
        os.environ[_URL] = url
        os.environ[_CLUSTER] = f"{home}/cluster"
        stack.callback(stop_shared_cluster, Path(home, "cluster"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if _STARTED in config.stash:
        config.stash[_STARTED].close()


@pytest.fixture(scope="session")
def database_url() -> str:
    return os.environ[_URL]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """It starts when the first test wants it, and is the same for all test processes."""
    return shared_cluster(Path(os.environ[_CLUSTER]))


@pytest.fixture(scope="session")
def service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), {"DATABASE_URL": database_url}) as service:
        yield service


@pytest.fixture
def ann(service: Service) -> Iterator[Person]:
    with Person(service.url, fresh_user("ann")) as person:
        yield person


@pytest.fixture
def bob(service: Service) -> Iterator[Person]:
    with Person(service.url, fresh_user("bob")) as person:
        yield person


@pytest.fixture
def anyone(service: Service) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=service.url, timeout=30) as client:
        yield client
