"""Databases on the cluster: the migrated one that the tests share, and new ones."""

from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[str]:
    """The name of a new, empty database on the cluster."""
    with cluster.database() as name:
        yield name


@pytest.fixture(scope="session")
def distributed(cluster: Cluster) -> str:
    """The URL of the database that is migrated and distributed."""
    cluster.distribute()
    return cluster.url()
