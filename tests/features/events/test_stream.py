"""GET /api/{user_id}/events."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import held, kinds
from tests.support.client import Json, Person, fresh_user
from tests.support.events import apply, streaming
from tests.support.service import Service, running


def test_a_stream_begins_now_and_tells_each_change(ann: Person) -> None:
    ann.creates(title="before")
    with streaming(ann) as events:
        assert events.answer.headers["content-type"] == "text/event-stream"
        assert events.answer.headers["cache-control"] == "no-store"
        assert events.answer.headers["x-accel-buffering"] == "no"
        ready = events.next()
        assert (ready.name, ready.data) == ("ready", {})
        assert ready.id
        assert 1000 <= (ready.retry or 0) <= 5000
        task = ann.creates(title="new")
        told = events.next()
        assert (told.name, kinds(told.data)) == ("changes", [("task", "new")])
        assert told.data["changes"][0]["task"] == task
        assert (told.id, told.data["has_more"], told.data["change_id"]) == (told.data["cursor"], False, 2)
        ann.delete(f"tasks/{task['id']}")
        assert events.next().data["changes"] == [{"kind": "task_deleted", "id": task["id"], "version": 2}]
    assert ann.get("changes", params={"cursor": ready.id or ""}).json()["change_id"] == 3, "an id is a cursor"


def test_an_event_is_the_body_of_changes_at_the_same_cursor(ann: Person) -> None:
    with streaming(ann) as events:
        begin = events.next().id or ""
        ann.creates(title="é\n\u2028data: x\u2029\x85\n\nevent: end", description="\r\n:")
        told = events.next()
    assert told.data == ann.get("changes", params={"cursor": begin}).json()


def test_a_stream_begins_after_the_last_event_id_else_after_the_cursor(ann: Person) -> None:
    ann.creates(title="1")
    first = ann.get("changes").json()["cursor"]
    ann.creates(title="2")
    second = ann.get("changes").json()["cursor"]
    ann.creates(title="3")
    with streaming(ann, cursor=first) as events:
        assert events.next().id == first
        assert kinds(events.next().data) == [("task", "2"), ("task", "3")]
    for last_id, expected in ((second, ["3"]), ("", ["2", "3"])):
        with streaming(ann, last_id, cursor=first) as events:
            events.next()
            assert [title for _, title in kinds(events.next().data)] == expected


def test_pages_follow_each_other_until_there_is_no_more(ann: Person) -> None:
    begin = ann.get("changes").json()["cursor"]
    for number in range(250):
        ann.creates(title=f"{number}")
    with streaming(ann, begin) as events:
        pages = events.until(250)[1:]
    assert [len(page.data["changes"]) for page in pages] == [100, 100, 50]
    assert [page.data["has_more"] for page in pages] == [True, True, False]
    assert [title for page in pages for _, title in kinds(page.data)] == [f"{number}" for number in range(250)]


def test_a_client_that_comes_back_misses_nothing_also_after_a_restart(database_url: str, tmp_path: Path) -> None:
    copy: dict[str, Json] = {}
    last_id: str | None = None
    user = fresh_user("ann")
    changes = 0
    for _ in range(3):
        with running(tmp_path, {"DATABASE_URL": database_url}) as service, Person(service.url, user) as ann:
            for _ in range(3):
                with streaming(ann, last_id) as events:
                    last_id = events.next().id
                    if changes:
                        for event in events.until(changes):
                            apply(copy, event)
                    one, two = ann.creates(), ann.creates()
                    for event in events.until(changes + 2):
                        apply(copy, event)
                    last_id = events.last_id
                ann.patch(f"tasks/{one['id']}", json={"title": "while nobody listens"})
                ann.delete(f"tasks/{two['id']}")
                changes += 4
            with streaming(ann, last_id) as events:
                events.next()
                for event in events.until(changes):
                    apply(copy, event)
                last_id = events.last_id
            changes_so_far = ann.get("changes").json()["change_id"]
            assert changes_so_far == changes
            assert copy == held(ann)
            ann.creates(title="between two services")
            changes += 1


def test_changes_come_in_their_order_each_once_while_many_write(ann: Person) -> None:
    def write(number: int) -> None:
        with Person(str(ann.base_url), ann.user_id) as writer:
            for turn in range(10):
                writer.creates(title=f"{number} {turn}")

    with streaming(ann) as events:
        events.next()
        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        read = events.until(40)
        for writer in writers:
            writer.join()
    assert [event.data["change_id"] for event in read] == sorted({event.data["change_id"] for event in read})
    titles = [title for event in read for _, title in kinds(event.data)]
    assert len(titles) == len(set(titles)) == 40
    for number in range(4):
        own = [title for title in titles if title.startswith(f"{number} ")]
        assert own == [f"{number} {turn}" for turn in range(10)]


def test_another_worker_is_seen_within_a_second(service: Service, database_url: str, tmp_path: Path) -> None:
    """Here two services stand for two workers or replicas: they share nothing but the database."""
    with running(tmp_path, {"DATABASE_URL": database_url}) as other:
        user = fresh_user("ann")
        with Person(service.url, user) as here, Person(other.url, user) as there, streaming(here) as events:
            events.next()
            took = []
            for number in range(3):
                there.creates(title=f"{number}")
                began = time.monotonic()
                assert kinds(events.next().data) == [("task", f"{number}")]
                took.append(time.monotonic() - began)
            assert sorted(took)[1] < 1, took


def test_another_user_gets_nothing(ann: Person, bob: Person) -> None:
    with streaming(ann) as anns, streaming(bob) as bobs:
        anns.next(), bobs.next()
        for number in range(20):
            bob.creates(title=f"{number}")
        assert len(kinds(bobs.until(20)[-1].data)) > 0
        ann.creates(title="mine")
        told = anns.next()
        assert (kinds(told.data), told.data["change_id"]) == ([("task", "mine")], 1)


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_cursor_of_another_user_or_a_malformed_one_is_400(ann: Person, bob: Person, place: str) -> None:
    for bad in (bob.get("changes").json()["cursor"], "x", "é" if place == "query" else "%C3", "a" * 3000):
        headers = {"Last-Event-ID": bad} if place == "header" else {}
        answer = ann.get("events", headers=headers, params={"cursor": bad} if place == "query" else {})
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
        (error,) = answer.json()["detail"]
        expected = ["header", "last-event-id"] if place == "header" else ["query", "cursor"]
        assert (error["loc"], error["type"]) == (expected, "cursor_invalid")


def test_other_parameters_and_a_repeated_header_are_400(ann: Person) -> None:
    assert ann.get("events?limit=1").status_code == 400
    assert ann.get("events?cursor=").status_code == 400
    cursor = ann.get("changes").json()["cursor"]
    answer = ann.get("events", headers=httpx.Headers([("Last-Event-ID", cursor), ("Last-Event-ID", cursor)]))
    assert answer.json()["detail"][0]["type"] == "repeated"


@pytest.mark.parametrize("change", ["floor = revision + 1", "epoch = 5", "revision = 1"])
def test_an_expired_cursor_is_the_only_event(ann: Person, database_url: str, change: str) -> None:
    for number in range(3):
        ann.creates(title=f"{number}")
    cursor = ann.get("changes").json()["cursor"]
    run(database_url, f"update heads set {change} where user_id = '{ann.user_id}'")
    with streaming(ann, cursor) as events:
        (end,) = events.rest()
    assert (end.name, end.id, end.data["code"]) == ("end", None, "cursor_expired")
    assert end.retry == end.data["retry_ms"] > 0


@pytest.mark.parametrize("change", ["update heads set revision = 1", "delete from heads"])
def test_an_open_stream_ends_when_its_cursor_expires(ann: Person, database_url: str, change: str) -> None:
    """The poll notices a restored backup or an erased account: nothing writes here."""
    for number in range(3):
        ann.creates(title=f"{number}")
    with streaming(ann) as events:
        events.next()
        run(database_url, f"{change} where user_id = '{ann.user_id}'")
        (end,) = events.rest()
    assert end.data["code"] == "cursor_expired"


def test_head_and_options_answer_at_once(ann: Person) -> None:
    head = ann.head("events")
    assert (head.status_code, head.headers["content-type"], head.content) == (200, "text/event-stream", b"")
    assert ann.get("limits").json()["streams"]["used"] == 0
    assert ann.options("events").headers["allow"] == "GET, HEAD, OPTIONS"
