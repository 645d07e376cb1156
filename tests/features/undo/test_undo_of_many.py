"""Undos of writes of several tasks, under keys, and those that are refused."""

from typing import Any
from uuid import uuid4

import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import Device, held
from tests.features.trash.test_restore import age
from tests.features.undo.test_undo import undo, undone
from tests.support.client import Person, errors_of


def test_a_rename_and_a_merge_and_a_removal_of_a_tag_are_taken_back_as_a_whole(ann: Person) -> None:
    for names in (["a"], ["a", "b"], ["b"], ["a", "ß"]):
        ann.creates(tags=names)
    before = {task_id: task["tags"] for task_id, task in held(ann).items()}
    device = Device(ann)
    for method, name, body in (
        ("PATCH", "a", {"name": "z"}),
        ("PATCH", "a", {"name": "b"}),
        ("DELETE", "a", None),
        ("DELETE", "ß", None),
    ):
        device.sync()
        answer = ann.request(method, f"tags/{name}", json=body)
        renamed = {task_id: task["tags"] for task_id, task in held(ann).items()}
        back = undone(ann, answer)
        assert {task_id: task["tags"] for task_id, task in held(ann).items()} == before
        again = undone(ann, back)
        assert {task_id: task["tags"] for task_id, task in held(ann).items()} == renamed
        last = undone(ann, again)
        device.pages.clear()
        device.sync()
        assert device.tasks == held(ann)
        changes = {change["task"]["id"]: change["task"] for change in last.json()["changes"]}
        assert changes == {change["task"]["id"]: change["task"] for page in device.pages for change in page["changes"]}
        assert device.pages[-1]["change_id"] == int(last.headers["change-id"])


def test_tasks_whose_tags_were_changed_since_a_rename_are_conflicts(ann: Person) -> None:
    changed, gone, back = (ann.creates(tags=["a", each]) for each in "bcd")
    rename = ann.patch("tags/a", json={"name": "z"})
    ann.patch(f"tasks/{changed['id']}", json={"tags": ["x"]})
    ann.delete(f"tasks/{gone['id']}")
    ann.patch(f"tasks/{back['id']}", json={"title": "other field"})
    answer = undo(ann, rename)
    assert answer.status_code == 200
    conflicts = {conflict["id"]: conflict["fields"] for conflict in answer.json()["conflicts"]}
    assert conflicts == {changed["id"]: ["tags"], gone["id"]: []}
    assert ann.sees(back["id"])["tags"] == ["a", "d"]
    assert ann.sees(changed["id"])["tags"] == ["x"]
    assert undo(ann, rename).status_code == 409


def test_two_renames_are_taken_back_one_after_the_other(ann: Person) -> None:
    tasks = [ann.creates(tags=["a", each]) for each in "bc"]
    first = ann.patch("tags/a", json={"name": "x"})
    second = ann.patch("tags/x", json={"name": "y"})
    undone(ann, second)
    undone(ann, first)
    assert [ann.sees(task["id"])["tags"] for task in tasks] == [["a", "b"], ["a", "c"]]


def test_a_number_inside_a_batch_is_unknown(ann: Person) -> None:
    for _ in range(3):
        ann.creates(tags=["a"])
    rename = ann.patch("tags/a", json={"name": "z"})
    assert rename.headers["change-id"] == "6"
    assert undo(ann, 5).json()["code"] == "change_not_found"
    undone(ann, 6)


def test_unknown_and_old_writes(ann: Person, bob: Person, database_url: str) -> None:
    for _ in range(3):
        bob.creates()
    task = ann.creates()
    assert (undo(ann, 2).status_code, undo(ann, 2).json()["code"]) == (404, "change_not_found")
    assert undo(ann, 2**63 - 1).status_code == 404
    changed = ann.patch(f"tasks/{task['id']}", json={"title": "New"})
    run(database_url, f"delete from changes where user_id = '{ann.user_id}' and revision = 2")
    assert (undo(ann, changed).status_code, undo(ann, changed).json()["code"]) == (410, "too_old")
    removed = ann.delete(f"tasks/{task['id']}")
    purged = ann.delete(f"trash/{task['id']}")
    for change in (removed, purged, 1):
        assert undo(ann, change).json()["code"] == "too_old"


def test_a_deletion_whose_time_in_the_trash_is_over_stays(ann: Person, database_url: str) -> None:
    task = ann.creates()
    removed = ann.delete(f"tasks/{task['id']}")
    age(database_url, ann, 30.01)
    assert undo(ann, removed).status_code in (409, 410)
    assert ann.get(f"tasks/{task['id']}").status_code == 404


def test_a_batch_of_which_entries_were_swept_is_too_old(ann: Person, database_url: str) -> None:
    for _ in range(3):
        ann.creates(tags=["a"])
    rename = ann.patch("tags/a", json={"name": "z"})
    run(database_url, f"delete from changes where user_id = '{ann.user_id}' and revision = 4")
    assert undo(ann, rename).json()["code"] == "too_old"


def test_a_batch_without_a_purged_task(ann: Person) -> None:
    tasks = [ann.creates(tags=["a"]) for _ in range(3)]
    rename = ann.patch("tags/a", json={"name": "z"})
    for task in tasks[1:]:
        ann.delete(f"tasks/{task['id']}")
        ann.delete(f"trash/{task['id']}")
    answer = undo(ann, rename)
    assert answer.status_code == 200
    assert {conflict["id"] for conflict in answer.json()["conflicts"]} == {task["id"] for task in tasks[1:]}
    assert ann.sees(tasks[0]["id"])["tags"] == ["a"]


def test_a_key_takes_back_once(ann: Person) -> None:
    task = ann.creates(title="One")
    path = f"tasks/{task['id']}"
    changed = ann.patch(path, json={"title": "Two", "priority": "Low"})
    ann.patch(path, json={"priority": "High"})
    first = undo(ann, changed, Idempotency_Key="k")
    again = undo(ann, changed, Idempotency_Key="k")
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["change-id"] == first.headers["change-id"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    ann.patch(path, json={"title": "Two"})
    assert undo(ann, changed, Idempotency_Key="k").json()["changes"][0]["task"] == ann.sees(task["id"])
    assert ann.sees(task["id"])["title"] == "Two"
    assert undo(ann, 1, Idempotency_Key="k").json()["code"] == "idempotency_key_reused"
    assert ann.post("tasks", json={"title": "a"}, headers={"Idempotency-Key": "k"}).status_code == 409


def test_the_key_of_a_refused_undo_is_free_again(ann: Person) -> None:
    task = ann.creates(title="One")
    path = f"tasks/{task['id']}"
    first = ann.patch(path, json={"title": "Two"})
    second = ann.patch(path, json={"title": "Three"})
    assert undo(ann, first, Idempotency_Key="k").status_code == 409
    undone(ann, second)
    assert undo(ann, first, Idempotency_Key="k").status_code == 200
    assert ann.sees(task["id"])["title"] == "One"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("body.change_id", "missing")]),
        ({"change_id": 0}, [("body.change_id", "greater_than_equal")]),
        ({"change_id": 2**63}, [("body.change_id", "int_parsing")]),
        ({"change_id": "1"}, [("body.change_id", "int_type")]),
        ({"change_id": 1, "force": True}, [("body.force", "extra_forbidden")]),
    ],
)
def test_a_bad_body_is_400(ann: Person, body: Any, errors: list[tuple[str, str]]) -> None:
    assert [loc for loc, _ in errors_of(ann.post("undo", json=body))] == [loc for loc, _ in errors]


def test_another_user_sees_and_undoes_nothing(ann: Person, bob: Person) -> None:
    task = ann.creates(id=str(uuid4()))
    bob.creates()
    bob.creates(title="theirs")
    assert undo(bob, 2).status_code == 200
    assert ann.sees(task["id"]) == task
    assert ann.get("changes").json()["change_id"] == 1


def test_the_deletion_of_a_task_that_left_the_trash_by_its_age_is_too_old(ann: Person, database_url: str) -> None:
    """Whether or not a later write has deleted it for good since."""
    deletion = ann.delete(f"tasks/{ann.creates()['id']}")
    age(database_url, ann, 31)
    assert (undo(ann, deletion).status_code, undo(ann, deletion).json()["code"]) == (410, "too_old")
