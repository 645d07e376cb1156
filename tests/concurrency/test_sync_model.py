"""Three devices that go off and on, retry and crash, while connections are killed, end with what the service has."""

from tests.concurrency.sync.run import run_schedules

_MOST, _SECONDS = 100, 15
_LEAST = 10
"""On a machine that is busy with other work."""


def test_devices_end_with_the_tasks_of_the_service(database_url: str) -> None:
    model = run_schedules(database_url, most=_MOST, seconds=_SECONDS)
    assert model.schedules >= _LEAST
    assert {
        "POST 201", "PATCH 200", "PATCH 404", "PATCH 503", "DELETE 204", "GET 200", "complete copies compared",
    } <= model.counts.keys()  # fmt: skip
