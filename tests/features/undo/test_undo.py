"""POST /api/{user_id}/undo."""

import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import held
from tests.features.tags.test_rename import tags
from tests.features.trash.test_restore import WHOLE, restore, trash
from tests.support.client import Json, Person

NEW: Json = {
    "title": "Neu",
    "description": None,
    "priority": "Low",
    "due_date": None,
    "tags": ["home", "New"],
    "completed": False,
}


def undo(person: Person, change: httpx.Response | int, **headers: str) -> httpx.Response:
    number = change if isinstance(change, int) else int(change.headers["change-id"])
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return person.post("undo", json={"change_id": number}, headers=named)


def undone(person: Person, change: httpx.Response | int) -> httpx.Response:
    """An undo without conflicts."""
    answer = undo(person, change)
    assert (answer.status_code, answer.json()["conflicts"]) == (200, []), answer.text
    return answer


def assert_same_but_version(after: Json, before: Json) -> None:
    changing = {"version": after["version"], "updated_at": after["updated_at"]}
    assert after == before | changing
    assert after["version"] > before["version"]


def test_a_change_of_all_fields_is_taken_back_and_made_again(ann: Person) -> None:
    task = ann.creates(**WHOLE)
    path = f"tasks/{task['id']}"
    changed = ann.patch(path, json=NEW)
    answer = undone(ann, changed)
    back = ann.sees(task["id"])
    assert_same_but_version(back, task)
    assert answer.json()["changes"] == [{"kind": "task", "task": back}]
    assert answer.headers["change-id"] == "3"
    assert tags(ann) == dict.fromkeys(WHOLE["tags"], 1)
    redone = undone(ann, answer)
    assert_same_but_version(ann.sees(task["id"]), changed.json())
    undone(ann, redone)
    assert_same_but_version(ann.sees(task["id"]), task)


def test_the_first_instant_of_a_completion_comes_back(ann: Person) -> None:
    task = ann.creates()
    path = f"tasks/{task['id']}/complete"
    completed = ann.patch(path).json()
    reopened = ann.patch(path)
    undone(ann, reopened)
    assert_same_but_version(ann.sees(task["id"]), completed)


def test_searches_find_what_came_back(ann: Person, database_url: str) -> None:
    task = ann.creates(**WHOLE)
    run(database_url, f"update heads set made_at = '2026-01-01' where user_id = '{ann.user_id}'")
    texts = f"select title_folded, description_folded, stems::text from tasks where user_id = '{ann.user_id}'"
    names = f"select name, name_folded from tags where user_id = '{ann.user_id}' order by name"
    before = [run(database_url, sql) for sql in (texts, names)]
    undone(ann, ann.patch(f"tasks/{task['id']}", json=NEW))
    assert [run(database_url, sql) for sql in (texts, names)] == before
    undone(ann, ann.patch("tags/Ärger", json={"name": "home"}))
    undone(ann, ann.delete("tags/ﬁx"))
    assert [run(database_url, sql) for sql in (texts, names)] == before


def test_a_create_goes_to_the_trash_and_comes_back(ann: Person) -> None:
    created = ann.post("tasks", json=WHOLE)
    task = created.json()
    answer = undone(ann, created)
    assert answer.json()["changes"] == [{"kind": "task_deleted", "id": task["id"], "version": 2}]
    assert [entry["task"]["id"] for entry in trash(ann)] == [task["id"]]
    again = undone(ann, answer)
    assert_same_but_version(ann.sees(task["id"]), task)
    assert trash(ann) == []
    undone(ann, again)
    assert held(ann) == {}


def test_a_deletion_and_a_restore_are_taken_back(ann: Person) -> None:
    task = ann.creates(**WHOLE)
    removed = ann.delete(f"tasks/{task['id']}")
    answer = undone(ann, removed)
    assert_same_but_version(ann.sees(task["id"]), task)
    assert answer.json()["changes"][0]["task"] == ann.sees(task["id"])
    ann.delete(f"tasks/{task['id']}")
    restored = restore(ann, task["id"])
    undone(ann, restored)
    assert ann.get(f"tasks/{task['id']}").status_code == 404
    assert len(trash(ann)) == 1


def test_the_writes_of_a_session_are_taken_back_one_after_the_other(ann: Person) -> None:
    """As a stack: each undo brings back the value on which the write before it was made."""
    created = ann.post("tasks", json={"title": "0"})
    path = f"tasks/{created.json()['id']}"
    writes = [ann.patch(path, json={"title": f"{number}"}) for number in range(1, 5)]
    writes.append(ann.delete(path))
    undos = [undone(ann, write) for write in reversed(writes)]
    assert_same_but_version(ann.sees(created.json()["id"]), created.json())
    undos.append(undone(ann, created))
    assert held(ann) == {}
    for answer in reversed(undos):
        undone(ann, answer)
    assert ann.get(path).status_code == 404
    assert trash(ann)[0]["task"]["title"] == "4"


def test_another_field_that_was_changed_since_stays(ann: Person) -> None:
    task = ann.creates(title="One")
    path = f"tasks/{task['id']}"
    first = ann.patch(path, json={"title": "Two"})
    ann.patch(path, json={"priority": "High"})
    undone(ann, first)
    now = ann.sees(task["id"])
    assert (now["title"], now["priority"]) == ("One", "High")


def test_a_field_that_was_changed_since_is_a_conflict_and_the_others_go_back(ann: Person) -> None:
    task = ann.creates(title="One", tags=["a"])
    path = f"tasks/{task['id']}"
    first = ann.patch(path, json={"title": "Mine", "tags": ["b"], "completed": True})
    ann.patch(path, json={"title": "Theirs", "completed": False})
    answer = undo(ann, first)
    assert answer.status_code == 200
    assert answer.json()["conflicts"] == [{"id": task["id"], "fields": ["title", "completed"]}]
    now = ann.sees(task["id"])
    assert (now["title"], now["tags"], now["completed"]) == ("Theirs", ["a"], False)
    again = undo(ann, first)
    fields = ["title", "completed", "tags"]
    assert (again.status_code, again.json()["code"]) == (409, "undo_conflict")
    assert again.json()["conflicts"] == [{"id": task["id"], "fields": fields}]
    assert "change-id" not in again.headers
    assert ann.sees(task["id"]) == now


@pytest.mark.parametrize("field", ["title", "description", "completed", "priority", "due_date", "tags"])
def test_a_created_task_that_was_changed_since_stays(ann: Person, field: str) -> None:
    created = ann.post("tasks", json=NEW)
    path = f"tasks/{created.json()['id']}"
    changed = ann.patch(path, json={field: WHOLE[field]})
    answer = undo(ann, created)
    assert (answer.status_code, answer.json()["conflicts"]) == (
        409,
        [{"id": created.json()["id"], "fields": [field]}],
    )
    undone(ann, changed)
    undone(ann, created)


def test_a_task_that_was_deleted_or_restored_since_is_a_conflict_without_fields(ann: Person) -> None:
    task = ann.creates()
    path = f"tasks/{task['id']}"
    changed = ann.patch(path, json={"title": "New"})
    removed = ann.delete(path)
    conflict = [{"id": task["id"], "fields": []}]
    assert undo(ann, changed).json()["conflicts"] == conflict
    assert undo(ann, 1).json()["conflicts"] == conflict
    restored = restore(ann, task["id"])
    assert undo(ann, removed).json()["conflicts"] == conflict
    undone(ann, changed)
    assert undo(ann, restored).json()["conflicts"] == [{"id": task["id"], "fields": ["title"]}]
