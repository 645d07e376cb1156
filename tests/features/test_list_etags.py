"""ETag and If-None-Match of lists: made from the user's revision, from a day after the first write on."""

import re
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from litestar.types import HTTPScope

from tests.architecture.test_migrations import run
from tests.support.client import Json, Person
from todo_api.http import conditional
from todo_api.http.conditional import known_states, state_tag

LISTS = [
    "tasks",
    "tasks?limit=1",
    "tasks?limit=1&offset=50",
    "tasks?with_total=false",
    "tasks?status=pending&sort_by=due_date",
    "tasks?search=milk",
    "tasks?search=nowhere",
    "tasks?tags=a&sort_by=title",
    "tags",
    "tags?search=a&limit=1",
    "tags?search=nothing",
]
_STATE_TAG = re.compile(r'"r[0-9]+-[0-9]+-[0-9]+-[0-9a-f]{16}"')


def age(database_url: str, person: Person) -> None:
    """A day passes since the user's first write."""
    run(database_url, f"update heads set made_at = now() - interval '1 day' where user_id = '{person.user_id}'")


@pytest.fixture
def task(ann: Person, database_url: str) -> Json:
    made = ann.creates(tags=["a", "b"])
    age(database_url, ann)
    return made


def etags(person: Person) -> dict[str, str]:
    return {path: person.get(path).headers["etag"] for path in LISTS}


def look(person: Person, path: str, tag: str, method: str = "GET") -> httpx.Response:
    return person.request(method, path, headers={"If-None-Match": tag})


def statuses(person: Person, known: dict[str, str]) -> set[int]:
    return {look(person, path, tag).status_code for path, tag in known.items()}


@pytest.mark.usefixtures("task")
@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', '{} , W/"r1-0-1-y"', "*"])
def test_304_while_nothing_changed(ann: Person, form: str) -> None:
    for path, tag in etags(ann).items():
        assert _STATE_TAG.fullmatch(tag), path
        for method in ("GET", "HEAD"):
            answer = look(ann, path, form.format(tag), method)
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag), path
            assert "content-type" not in answer.headers


def test_each_write_of_the_user_is_seen(ann: Person, task: Json) -> None:
    path, key = f"tasks/{task['id']}", {"Idempotency-Key": uuid4().hex}
    writes: list[Callable[[], httpx.Response]] = [
        lambda: ann.post("tasks", json={"title": "New"}),
        lambda: ann.post("tasks", json={"title": "Keyed"}, headers=key),
        lambda: ann.patch(path, json={"title": "Changed"}),
        lambda: ann.patch(path, json={"tags": ["c"]}),
        lambda: ann.put(path, json={"due_date": "2026-01-01"}),
        lambda: ann.patch(f"{path}/complete"),
        lambda: ann.patch(f"{path}/complete", json={"completed": False}),
        lambda: ann.delete(path),
    ]
    for write in writes:
        known = etags(ann)
        assert write().is_success
        assert statuses(ann, known) == {200}
        assert not set(known.values()) & set(etags(ann).values())


def test_a_request_that_writes_nothing_is_not_a_change(ann: Person, bob: Person, task: Json) -> None:
    path, key = f"tasks/{task['id']}", {"Idempotency-Key": uuid4().hex}
    ann.post("tasks", json={"title": "Keyed"}, headers=key)
    known = etags(ann)
    assert ann.patch(path, json={"title": task["title"]}).status_code == 200
    assert ann.patch(f"{path}/complete", json={"completed": False}).status_code == 200
    assert ann.patch(path, json={"title": "Stale"}, headers={"If-Match": '"7"'}).status_code == 412
    assert ann.delete(f"tasks/{uuid4()}").status_code == 404
    assert ann.post("tasks", json={"title": "Keyed"}, headers=key).headers["idempotency-replayed"] == "true"
    bob.creates(tags=["a"])
    assert statuses(ann, known) == {304}


@pytest.mark.usefixtures("task")
def test_an_etag_is_valid_for_its_url_only(ann: Person) -> None:
    known = etags(ann)
    assert len(set(known.values())) == len(LISTS)
    for path in LISTS:
        assert look(ann, path, ", ".join(tag for other, tag in known.items() if other != path)).status_code == 200


def test_another_epoch_is_another_etag(ann: Person, task: Json, database_url: str) -> None:
    """After a backup was restored the same revisions are given again, to other changes."""
    known = etags(ann)
    run(database_url, f"update heads set epoch = 1 where user_id = '{task['user_id']}'")
    assert statuses(ann, known) == {200}
    assert statuses(ann, etags(ann)) == {304}


def test_a_user_who_never_wrote_gets_a_hash(ann: Person) -> None:
    for path, tag in etags(ann).items():
        assert re.fullmatch(r'"[0-9a-f]{32}"', tag), path
        assert look(ann, path, tag).status_code == 304


def test_in_the_first_day_a_write_that_does_not_raise_the_revision_is_seen(ann: Person, database_url: str) -> None:
    """As the replicas of the first release make them."""
    task = ann.creates(tags=["a"])
    for day, expected in enumerate([(304, 200), (304, 304)]):
        answer = ann.get("tasks")
        assert bool(_STATE_TAG.fullmatch(answer.headers["etag"])) == bool(day)
        before = look(ann, "tasks", answer.headers["etag"]).status_code
        run(database_url, f"update tasks set title = 'of day {day}' where id = '{task['id']}'")
        after = look(ann, "tasks", answer.headers["etag"]).status_code
        assert (before, after) == expected
        age(database_url, ann)


def test_the_etag_of_the_first_day_is_a_miss_later(ann: Person, database_url: str) -> None:
    ann.creates(tags=["a"])
    known = etags(ann)
    assert statuses(ann, known) == {304}
    age(database_url, ann)
    assert statuses(ann, known) == {200}


def test_another_version_of_the_service_is_another_etag(monkeypatch: pytest.MonkeyPatch) -> None:
    tag = f'"x", {state_tag(scope(), "7-0-1")}, W/{state_tag(scope(), "8-0-1")}'
    assert known_states(scope(tag)) == ["7-0-1", "8-0-1"]
    assert known_states(scope("*")) == known_states(scope()) == []
    monkeypatch.setattr(conditional, "__version__", "another")
    assert known_states(scope(tag)) == []


def scope(if_none_match: str = "") -> HTTPScope:
    headers = [(b"if-none-match", if_none_match.encode())] if if_none_match else []
    made: dict[str, Any] = {"path": "/api/ann/tasks", "query_string": b"limit=1", "headers": headers}
    return cast("HTTPScope", made)
