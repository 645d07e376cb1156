"""Databases on the cluster: the migrated one that the tests share, with a service, and new ones."""

from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster
from tests.support.service import Service, running


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[str]:
    """The name of a new, empty database on the cluster."""
    with cluster.database() as name:
        yield name


@pytest.fixture(scope="session")
def database_url(cluster: Cluster) -> str:
    """The URL of the database that is migrated and distributed, in the place of the embedded PostgreSQL's."""
    cluster.distribute()
    return cluster.socket_url()


@pytest.fixture(scope="session")
def service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on the cluster. `ann`, `bob` and `anyone` are its clients."""
    with running(tmp_path_factory.mktemp("cluster"), {"DATABASE_URL": database_url}) as service:
        yield service
