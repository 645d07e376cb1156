"""PUT of a whole Task as it was read. PATCH refuses its read-only fields."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.client import Json, Person, errors_of
from todo_api.features.tasks.fields import FIELDS

READ_ONLY = ("completed_at", "created_at", "id", "updated_at", "user_id", "version")


def put(person: Person, task: Json, if_match: str | None = None, **changes: Any) -> httpx.Response:
    headers = {"If-Match": if_match} if if_match else {}
    return person.put(f"tasks/{task['id']}", json={**task, **changes}, headers=headers)


def test_a_task_as_it_was_read_changes_nothing(ann: Person) -> None:
    for task in (ann.creates(description="D", due_date="2026-02-28", tags=["a"]), ann.creates(completed=True)):
        answer = put(ann, task)
        assert (answer.status_code, answer.json()) == (200, task)


def test_the_changed_fields_of_a_whole_task_change(ann: Person) -> None:
    task = ann.creates(description="D", tags=["a"])
    changed = put(ann, task, title="New", completed=True, tags=[]).json()
    assert changed == {
        **task,
        "title": "New",
        "completed": True,
        "tags": [],
        "version": 2,
        **dict.fromkeys(("completed_at", "updated_at"), changed["updated_at"]),
    }
    assert ann.sees(task["id"]) == changed
    reopened = put(ann, changed, completed=False).json()
    assert (reopened["completed"], reopened["completed_at"], reopened["version"]) == (False, None, 3)


def test_read_only_instants_are_not_used(ann: Person) -> None:
    task = ann.creates()
    past = "1999-12-31T23:59:59.5+01:00"
    answer = put(ann, task, completed_at=past, created_at=past, updated_at=past)
    assert (answer.status_code, answer.json()) == (200, task)


@pytest.mark.parametrize("body", [{"title": "Newer"}, {}])
def test_an_old_version_is_412(ann: Person, body: Json) -> None:
    task = ann.creates()
    current = put(ann, task, title="New").json()
    answer = ann.put(f"tasks/{task['id']}", json={"version": 1, **body})
    assert (answer.status_code, answer.headers["etag"]) == (412, '"2"')
    assert (answer.json()["current"], answer.json()["changed"]) == (current, ["title"])
    assert ann.sees(task["id"]) == current
    answer = ann.put(f"tasks/{task['id']}", json={"version": 2, **body})
    assert (answer.status_code, answer.json()["title"]) == (200, body.get("title", "New"))


def test_the_header_and_the_field_must_both_hold(ann: Person) -> None:
    task = ann.creates()
    for good in ('"1"', "*", '"7", "1"'):
        assert put(ann, task, good).status_code == 200
    current = put(ann, task, title="New").json()
    for if_match in ('"1"', '"2"', "*", '"1", "2"', 'W/"2"'):
        assert put(ann, task, if_match, title="Newer").status_code == 412
    assert put(ann, task, '"1", "2"').json()["changed"] == ["title"]
    assert put(ann, task, '"2"').json()["changed"] == list(FIELDS), "no version that both name"
    assert put(ann, current, '"1"').status_code == 412
    assert ann.sees(task["id"]) == current


def test_another_id_or_user_than_the_paths_is_named_and_nothing_changes(ann: Person, bob: Person) -> None:
    task, other = ann.creates(), ann.creates()
    answer = put(ann, task, id=other["id"], user_id=bob.user_id, title="New")
    assert errors_of(answer) == [("body.id", "path_mismatch"), ("body.user_id", "path_mismatch")]
    assert answer.json()["message"] == "id: must be the `id` of the path (and 1 more error)"
    assert (ann.sees(task["id"]), ann.sees(other["id"])) == (task, other)
    assert put(ann, task, id=task["id"].upper()).status_code == 200, "the same id, written differently"


def test_an_unknown_task_is_404(ann: Person, bob: Person) -> None:
    task = ann.creates()
    unknown = str(uuid4())
    assert put(ann, {**task, "id": unknown}).status_code == 404
    strangers = {**task, "user_id": bob.user_id}
    assert put(bob, strangers).content == put(bob, {**strangers, "id": unknown}).content
    assert ann.sees(task["id"]) == task


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("id", "1", "uuid_parsing"),
        ("id", None, "uuid_type"),
        ("user_id", None, "string_type"),
        ("version", 0, "greater_than_equal"),
        ("version", 2**31, "less_than_equal"),
        ("version", "1", "int_type"),
        ("version", None, "int_type"),
        ("completed_at", "yesterday", "datetime_parsing"),
        ("created_at", "2026-11-21T16:05:00", "datetime_parsing"),
        ("updated_at", None, "datetime_type"),
        ("rank", 1, "extra_forbidden"),
    ],
)
def test_a_malformed_field_is_named(ann: Person, field: str, value: Any, error: str) -> None:
    task = ann.creates()
    assert errors_of(put(ann, task, title="New", **{field: value})) == [(f"body.{field}", error)]
    assert ann.sees(task["id"]) == task


def test_patch_refuses_read_only_fields(ann: Person) -> None:
    task = ann.creates()
    answer = ann.patch(f"tasks/{task['id']}", json={**task, "title": "New"})
    assert errors_of(answer) == [(f"body.{name}", "extra_forbidden") for name in READ_ONLY]
    assert ann.sees(task["id"]) == task
