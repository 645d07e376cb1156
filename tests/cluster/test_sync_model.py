"""The devices of tests/concurrency/test_sync_model.py on a cluster, whose coordinator and nodes lose their backends."""

from tests.concurrency.sync.run import run_schedules
from tests.support.cluster import WORKERS, Cluster

_MOST, _SECONDS = 100, 15
_LEAST = 5


def test_devices_end_with_the_tasks_of_the_service(cluster: Cluster, database_url: str) -> None:
    model = run_schedules(database_url, *(cluster.url(worker) for worker in WORKERS), most=_MOST, seconds=_SECONDS)
    assert model.schedules >= _LEAST
    assert {"POST 201", "PATCH 200", "DELETE 204", "GET 200", "complete copies compared"} <= model.counts.keys()
