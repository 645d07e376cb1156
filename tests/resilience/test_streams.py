"""A database that is away ends no stream, and many streams that are woken at once delay nobody for long."""

import time

import pytest

from tests.features.changes.test_list import held, kinds
from tests.support.client import Json, Person
from tests.support.events import apply, streaming
from tests.support.proxy import Proxy
from tests.support.service import Service


@pytest.mark.parametrize("way", ["refuse", "freeze"])
def test_a_stream_outlasts_its_database_and_tells_what_was_written_meanwhile(
    service: Service, proxy: Proxy, cut_off: Person, way: str
) -> None:
    copy: dict[str, Json] = {}
    with Person(service.url, cut_off.user_id) as elsewhere, streaming(cut_off) as events:
        events.next()
        elsewhere.creates(title="1")
        apply(copy, events.until(1)[-1])
        getattr(proxy, way)()
        elsewhere.creates(title="2")
        if way == "refuse":
            assert cut_off.get("tasks").status_code == 503
        time.sleep(2)
        gone = elsewhere.creates(title="3")
        elsewhere.delete(f"tasks/{gone['id']}")
        if way == "refuse":
            proxy.listen()
        for event in events.until(4):
            assert event.name == "changes"
            apply(copy, event)
        assert copy == held(elsewhere)
        elsewhere.creates(title="5")
        assert kinds(events.until(5)[-1].data)[-1] == ("task", "5")


def test_without_a_database_no_stream_begins(proxy: Proxy, cut_off: Person) -> None:
    cut_off.creates()
    proxy.refuse()
    try:
        answer = cut_off.get("events")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert "retry-after" in answer.headers
    finally:
        proxy.listen()
    # `freeze` and `refuse` leave no slot in use.
    for _ in range(50):
        if cut_off.get("limits").status_code == 200:
            break
        time.sleep(0.1)
    assert cut_off.get("limits").json()["streams"]["used"] == 0
