"""PUT and PATCH /api/{user_id}/tasks/{task_id}: both partial; PUT also takes a whole Task."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.client import Json, Person, errors_of

FULL: Json = {"title": "T", "description": "D", "priority": "High", "due_date": "2026-02-28", "tags": ["a", "b"]}


@pytest.fixture(params=["PUT", "PATCH"])
def method(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def change(person: Person, method: str, task: Json, **changes: Any) -> Json:
    answer = person.request(method, f"tasks/{task['id']}", json=changes)
    assert answer.status_code == 200, answer.text
    changed: Json = answer.json()
    assert person.sees(task["id"]) == changed
    return changed


@pytest.mark.parametrize(
    ("changes", "become"),
    [
        ({"title": " New "}, {"title": "New"}),
        ({"description": "New"}, {}),
        ({"description": None}, {}),
        ({"description": ""}, {}),
        ({"priority": "Low"}, {}),
        ({"due_date": "2030-01-01"}, {}),
        ({"due_date": None}, {}),
        ({"tags": []}, {}),
        ({"tags": ["c", "b", "c"]}, {"tags": ["b", "c"]}),
        ({"title": "New", "tags": ["x"], "priority": "Low", "due_date": None, "description": None}, {}),
    ],
)
def test_the_sent_fields_change_and_no_others(ann: Person, method: str, changes: Json, become: Json) -> None:
    task = ann.creates(**FULL)
    changed = change(ann, method, task, **changes)
    assert changed["updated_at"] > task["updated_at"]
    assert changed == {**task, **changes, **become, "version": 2, "updated_at": changed["updated_at"]}


def test_completion_can_be_set(ann: Person, method: str) -> None:
    task = ann.creates()
    done = change(ann, method, task, completed=True)
    assert (done["completed"], done["completed_at"], done["version"]) == (True, done["updated_at"], 2)
    renamed = change(ann, method, task, title="still done")
    assert (renamed["completed"], renamed["completed_at"]) == (True, done["completed_at"])
    undone = change(ann, method, task, completed=False)
    assert (undone["completed"], undone["completed_at"], undone["version"]) == (False, None, 4)


@pytest.mark.parametrize("same", [{}, FULL, {"completed": False}, {"tags": ["b", "a", "a"]}, {"title": " T "}])
def test_a_body_that_changes_nothing_leaves_the_version_alone(ann: Person, method: str, same: Json) -> None:
    task = ann.creates(**FULL)
    assert change(ann, method, task, **same) == task


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"title": None}, [("body.title", "string_type")]),
        ({"title": "  "}, [("body.title", "string_too_short")]),
        ({"completed": None}, [("body.completed", "bool_type")]),
        ({"completed": 1}, [("body.completed", "bool_type")]),
        ({"completed": "true"}, [("body.completed", "bool_type")]),
        ({"priority": None}, [("body.priority", "string_type")]),
        ({"tags": None}, [("body.tags", "list_type")]),
        ({"position": 3, "title": 1}, [("body.position", "extra_forbidden"), ("body.title", "string_type")]),
    ],
)
def test_bad_fields_are_named_and_nothing_changes(
    ann: Person, method: str, body: Json, errors: list[tuple[str, str]]
) -> None:
    task = ann.creates(**FULL)
    assert errors_of(ann.request(method, f"tasks/{task['id']}", json=body)) == errors
    assert ann.sees(task["id"]) == task


def test_a_stranger_gets_404_and_changes_nothing(ann: Person, bob: Person, method: str) -> None:
    task = ann.creates(**FULL)
    strangers = bob.request(method, f"tasks/{task['id']}", json={"title": "mine now", "tags": ["x"]})
    unknown = bob.request(method, f"tasks/{uuid4()}", json={"title": "mine now", "tags": ["x"]})
    assert (strangers.status_code, strangers.content) == (404, unknown.content)
    assert ann.sees(task["id"]) == task
    assert bob.get("tags").json() == []


def test_an_empty_body_is_400(ann: Person, method: str) -> None:
    answer = ann.request(method, f"tasks/{ann.creates()['id']}", headers={"Content-Type": "application/json"})
    assert errors_of(answer) == [("body", "missing")]
