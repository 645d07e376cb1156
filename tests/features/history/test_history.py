"""GET /api/{user_id}/tasks/{task_id}/history."""

from typing import Any
from uuid import uuid4

import pytest

from tests.architecture.test_migrations import run
from tests.features.trash.test_restore import age, deleted, restore
from tests.support.client import Json, Person, errors_of


def history(person: Person, task_id: str, **parameters: Any) -> list[Json]:
    answer = person.get(f"tasks/{task_id}/history", params=parameters)
    assert answer.status_code == 200, answer.text
    data: list[Json] = answer.json()["data"]
    return data


def changed(person: Person, task_id: str, **parameters: Any) -> list[Json]:
    """For each entry: field → value before and after."""
    return [
        {field: (values["before"], values["after"]) for field, values in entry["changed"].items()}
        for entry in history(person, task_id, **parameters)
    ]


def test_the_history_has_each_change_with_its_values_the_newest_first(ann: Person) -> None:
    task = ann.creates(title="One", tags=["b", "a"], due_date="2026-12-24")
    path = f"tasks/{task['id']}"
    second = ann.patch(path, json={"title": "Two", "priority": "High", "due_date": None})
    completed = ann.patch(f"{path}/complete").json()
    ann.patch(path, json={"tags": ["c"], "description": "D"})
    ann.patch(path, json={"tags": ["c"]})
    entries = history(ann, task["id"])
    assert [(entry["version"], entry["op"], entry["change_id"]) for entry in entries] == [
        (4, "change", 4),
        (3, "change", 3),
        (2, "change", 2),
        (1, "create", 1),
    ]
    assert entries[2]["at"] == second.json()["updated_at"]
    assert entries[2]["change_id"] == int(second.headers["change-id"])
    assert changed(ann, task["id"]) == [
        {"tags": (["a", "b"], ["c"]), "description": (None, "D")},
        {"completed": (False, True), "completed_at": (None, completed["completed_at"])},
        {"title": ("One", "Two"), "priority": ("Medium", "High"), "due_date": ("2026-12-24", None)},
        {
            "title": (None, "One"),
            "description": (None, None),
            "completed": (None, False),
            "completed_at": (None, None),
            "priority": (None, "Medium"),
            "due_date": (None, "2026-12-24"),
            "tags": (None, ["a", "b"]),
        },
    ]


def test_pages_have_the_same_values_as_the_whole(ann: Person) -> None:
    task = ann.creates(title="0", due_date="0001-01-01")
    path = f"tasks/{task['id']}"
    for number in range(1, 6):
        ann.patch(path, json={"title": f"{number}", "due_date": "9999-12-31"})
        ann.patch(path, json={"priority": ["High", "Low"][number % 2]})
    ann.delete(path)
    restore(ann, task["id"])
    ann.patch("tags/none", json={"name": "x"})
    whole = history(ann, task["id"])
    assert [entry["op"] for entry in whole] == ["restore", "delete", *["change"] * 10, "create"]
    pages, cursor = [], None
    while True:
        page = ann.get(f"{path}/history", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        pages.extend(page["data"])
        if (cursor := page["next_cursor"]) is None:
            break
    assert pages == whole
    assert whole[-2]["changed"]["due_date"] == {"before": "0001-01-01", "after": "9999-12-31"}


def test_the_history_of_a_task_in_the_trash(ann: Person, database_url: str) -> None:
    task = ann.creates(title="One", tags=["a"])
    ann.patch(f"tasks/{task['id']}", json={"title": "Two"})
    live = history(ann, task["id"])
    ann.delete(f"tasks/{task['id']}")
    entry, *others = history(ann, task["id"])
    assert (entry["op"], entry["version"], entry["changed"]) == ("delete", 3, {})
    assert others == live
    age(database_url, ann, 30.01)
    assert ann.get(f"tasks/{task['id']}/history").status_code == 404


def test_a_rename_of_a_tag_is_a_change_of_its_tasks(ann: Person) -> None:
    task = ann.creates(tags=["a", "b"])
    ann.patch("tags/a", json={"name": "Ä"})
    assert changed(ann, task["id"])[0] == {"tags": (["a", "b"], ["b", "Ä"])}


def test_unknown_purged_and_other_users_tasks_are_404(ann: Person, bob: Person) -> None:
    theirs, purged = bob.creates(), deleted(ann)
    ann.delete(f"trash/{purged['id']}")
    answers = [ann.get(f"tasks/{each}/history") for each in (theirs["id"], purged["id"], uuid4(), "nonsense")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}


def test_a_task_without_entries_has_an_empty_history(ann: Person, database_url: str) -> None:
    """It was created before there was a log, or its entries are too old."""
    task = ann.creates()
    run(database_url, f"delete from changes where user_id = '{ann.user_id}'")
    assert history(ann, task["id"]) == []
    ann.patch(f"tasks/{task['id']}", json={"title": "New"})
    assert changed(ann, task["id"]) == [{"title": ("Buy milk", "New")}]


@pytest.mark.parametrize("made_at", ["made_at", "'2026-01-01'"], ids=["first day", "later"])
def test_the_etag_of_the_history(ann: Person, database_url: str, made_at: str) -> None:
    task = ann.creates()
    sql = f"update heads set made_at = {made_at} where user_id = '{ann.user_id}'"
    run(database_url, sql)
    path = f"tasks/{task['id']}/history"
    etag = ann.get(path).headers["etag"]
    assert ann.get(path, headers={"If-None-Match": etag}).status_code == 304
    ann.patch(f"tasks/{task['id']}", json={"title": "New"})
    assert ann.get(path, headers={"If-None-Match": etag}).status_code == 200
    ann.delete(f"tasks/{task['id']}")
    etag = ann.get(path).headers["etag"]
    age(database_url, ann, 31)
    assert ann.get(path, headers={"If-None-Match": etag}).status_code == 404


def test_a_cursor_of_another_task_and_unknown_parameters_are_400(ann: Person) -> None:
    one, two = ann.creates(), ann.creates()
    ann.patch(f"tasks/{one['id']}", json={"title": "New"})
    cursor = ann.get(f"tasks/{one['id']}/history?limit=1").json()["next_cursor"]
    path = f"tasks/{two['id']}/history"
    assert errors_of(ann.get(path, params={"cursor": cursor})) == [("query.cursor", "cursor_invalid")]
    assert errors_of(ann.get(f"{path}?limit=0&a=b")) == [
        ("query.a", "extra_forbidden"),
        ("query.limit", "greater_than_equal"),
    ]
