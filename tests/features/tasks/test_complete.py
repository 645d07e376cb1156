"""PATCH /api/{user_id}/tasks/{task_id}/complete"""

from uuid import uuid4

import pytest

from tests.support.client import Person, errors_of


def test_without_a_body_it_toggles(ann: Person) -> None:
    task = ann.creates(tags=["a"])
    path = f"tasks/{task['id']}/complete"
    done = ann.patch(path).json()
    assert done == {
        **task,
        "completed": True,
        "completed_at": done["updated_at"],
        "updated_at": done["updated_at"],
        "version": 2,
    }
    undone = ann.patch(path).json()
    assert undone == {**task, "updated_at": undone["updated_at"], "version": 3}
    assert task["updated_at"] < done["updated_at"] < undone["updated_at"]
    assert ann.sees(task["id"]) == undone


@pytest.mark.parametrize("completed", [True, False])
def test_with_a_body_a_retry_is_safe(ann: Person, completed: bool) -> None:
    task = ann.creates()
    path = f"tasks/{task['id']}/complete"
    first = ann.patch(path, json={"completed": completed}).json()
    assert first["completed"] is completed
    assert ann.patch(path, json={"completed": completed}).json() == first


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{}", ("body.completed", "missing")),
        (b'{"completed": 1}', ("body.completed", "bool_type")),
        (b'{"completed": null}', ("body.completed", "bool_type")),
        (b'{"completed": true, "at": 1}', ("body.at", "extra_forbidden")),
        (b"null", ("body", "object_type")),
        (b"[]", ("body", "object_type")),
        (b" ", ("body", "json_invalid")),
    ],
)
def test_a_bad_body_changes_nothing(ann: Person, body: bytes, error: tuple[str, str]) -> None:
    task = ann.creates()
    headers = {"Content-Type": "application/json"}
    assert errors_of(ann.patch(f"tasks/{task['id']}/complete", content=body, headers=headers)) == [error]
    assert ann.sees(task["id"]) == task


def test_a_stranger_gets_404_and_completes_nothing(ann: Person, bob: Person) -> None:
    task = ann.creates()
    strangers, unknown = bob.patch(f"tasks/{task['id']}/complete"), bob.patch(f"tasks/{uuid4()}/complete")
    assert (strangers.status_code, strangers.content) == (404, unknown.content)
    assert ann.sees(task["id"]) == task
