"""Change-Id: the number of the change that a request made, and the entry of the log that it left."""

import json
from typing import Any, Final

import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.support.client import Json, Person

LOG: Final = "select revision, op, version, before, task_id::text from changes where user_id = '{}' order by revision"
HEAD: Final = "select revision from heads where user_id = '{}'"


def log_of(url: str, user: str) -> list[dict[str, Any]]:
    return [{**row, "before": json.loads(row["before"] or "null")} for row in run(url, LOG.format(user))]


def head_of(url: str, user: str) -> int | None:
    return next((row[0] for row in run(url, HEAD.format(user))), None)


def change_id(answer: httpx.Response) -> int | None:
    assert answer.is_success, answer.text
    value = answer.headers.get("change-id")
    return None if value is None else int(value)


def test_every_write_has_the_next_number_and_leaves_one_entry_in_the_log(ann: Person, database_url: str) -> None:
    created = ann.post("tasks", json={"title": "Milk", "due_date": "2026-12-24", "tags": ["b", "a"]})
    task: Json = created.json()
    path = f"tasks/{task['id']}"
    changed = ann.patch(path, json={"title": "Bread", "description": "rye", "tags": ["c"]})
    put = ann.put(path, json={**changed.json(), "priority": "High", "due_date": None})
    toggled = ann.patch(f"{path}/complete")
    completed_at = toggled.json()["completed_at"]
    reopened = ann.patch(f"{path}/complete", json={"completed": False})
    removed = ann.delete(path)
    answers = [created, changed, put, toggled, reopened, removed]
    assert [change_id(answer) for answer in answers] == [1, 2, 3, 4, 5, 6]
    assert head_of(database_url, ann.user_id) == 6
    log = log_of(database_url, ann.user_id)
    assert [entry["revision"] for entry in log] == [1, 2, 3, 4, 5, 6]
    assert [entry["version"] for entry in log] == [1, 2, 3, 4, 5, 6]
    assert {entry["task_id"] for entry in log} == {task["id"]}
    assert [entry["op"] for entry in log] == ["create", *["change"] * 4, "remove"]
    before = [entry["before"] for entry in log]
    assert before[:4] == [
        None,
        {"title": "Milk", "description": None, "tags": ["a", "b"]},
        {"priority": 2, "due_date": "2026-12-24"},
        {"completed_at": None},
    ]
    assert before[4].keys() == {"completed_at"}
    assert before[4]["completed_at"][:19] == completed_at[:19]
    gone = before[5]
    assert (gone["title"], gone["description"], gone["tags"], gone["priority"]) == ("Bread", "rye", ["c"], 1)
    assert (gone["due_date"], gone["completed_at"], gone["version"], gone["revision"]) == (None, None, 5, 5)
    assert gone.keys() >= {"created_at", "updated_at", "field_versions"}
    assert not gone.keys() & {"stems", "title_folded", "description_folded"}


def test_a_request_that_changes_nothing_has_no_number_and_does_not_raise_the_head(
    ann: Person, database_url: str
) -> None:
    task = ann.creates(title="Milk", tags=["a"])
    path = f"tasks/{task['id']}"
    for body in ({}, {"title": "Milk"}, {"tags": ["a", "a"]}, {"description": None}, {"completed": False}):
        answer = ann.patch(path, json=body)
        assert (change_id(answer), answer.json()) == (None, task), body
    assert change_id(ann.put(path, json=task)) is None
    assert change_id(ann.patch(f"{path}/complete", json={"completed": False})) is None
    refused = [
        ann.patch(path, json={"title": "x"}, headers={"If-Match": '"7"'}),
        ann.patch(f"{path}/complete", headers={"If-Match": '"7"'}),
        ann.delete(path, headers={"If-Match": '"7"'}),
        ann.patch("tasks/7b0f7c5e-51f5-4f4b-8d7a-3f1f1f0c9a11", json={"title": "x"}),
        ann.delete("tasks/7b0f7c5e-51f5-4f4b-8d7a-3f1f1f0c9a11"),
        ann.post("tasks", json={"title": ""}),
    ]
    assert [answer.status_code for answer in refused] == [412, 412, 412, 404, 404, 400]
    assert not any("change-id" in answer.headers for answer in refused)
    assert not any("change-id" in ann.get(each).headers for each in (path, "tasks", "tags"))
    assert head_of(database_url, ann.user_id) == 1
    assert len(log_of(database_url, ann.user_id)) == 1


def test_a_replay_has_the_number_of_the_create(ann: Person, database_url: str) -> None:
    key = {"Idempotency-Key": "k"}
    first = ann.post("tasks", json={"title": "Once"}, headers=key)
    ann.patch(f"tasks/{first.json()['id']}", json={"title": "Twice"})
    again = ann.post("tasks", json={"title": "Once"}, headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert (change_id(first), change_id(again)) == (1, 1)
    assert again.content == first.content
    reused = ann.post("tasks", json={"title": "Other"}, headers=key)
    assert (reused.status_code, "change-id" in reused.headers) == (409, False)
    assert head_of(database_url, ann.user_id) == 2


def test_the_key_of_a_create_from_before_the_log_is_replayed_without_a_number(ann: Person, database_url: str) -> None:
    key = {"Idempotency-Key": "k"}
    first = ann.post("tasks", json={"title": "Once"}, headers=key)
    run(database_url, f"update idempotency_keys set revision = null where user_id = '{ann.user_id}'")
    again = ann.post("tasks", json={"title": "Once"}, headers=key)
    assert (again.status_code, again.content, "change-id" in again.headers) == (201, first.content, False)


def test_tasks_from_before_the_log_need_no_backfill(ann: Person, database_url: str) -> None:
    tasks = [ann.creates(title=f"old {number}", tags=["a"]) for number in range(4)]
    for table in ("heads", "changes"):
        run(database_url, f"delete from {table} where user_id = '{ann.user_id}'")
    run(database_url, f"update tasks set revision = 0, field_versions = null where user_id = '{ann.user_id}'")
    paths = [f"tasks/{task['id']}" for task in tasks]
    assert ann.get(paths[0]).json() == tasks[0]
    assert change_id(ann.patch(paths[0], json={"title": "old 0"})) is None
    answers = [
        ann.patch(paths[0], json={"title": "new"}, headers={"If-Match": '"1"'}),
        ann.patch(f"{paths[1]}/complete"),
        ann.delete(paths[2]),
        ann.post("tasks", json={"title": "another"}),
    ]
    assert [change_id(answer) for answer in answers] == [1, 2, 3, 4]
    assert [entry["revision"] for entry in log_of(database_url, ann.user_id)] == [1, 2, 3, 4]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_removed_tag_that_no_task_has_is_deleted(ann: Person, database_url: str, method: str) -> None:
    """Not in the first day of a user's log: a replica of the first release, which takes no lock, may link it."""
    rows = f"select name from tags where user_id = '{ann.user_id}' order by name"
    first, second = (ann.creates(tags=["both", f"only {name}"]) for name in ("one", "two"))
    for task in (first, second):
        if method == "PATCH":
            ann.patch(f"tasks/{task['id']}", json={"tags": []})
        else:
            ann.delete(f"tasks/{task['id']}")
        if task is first:
            assert [row[0] for row in run(database_url, rows)] == ["both", "only one", "only two"]
            run(database_url, f"update heads set made_at = now() - interval '25 hours' where user_id = '{ann.user_id}'")
    # "only one" became unused too early. It goes together with a tag that is before it by name.
    assert run(database_url, rows) == []
    assert ann.get("tags").json() == []
    ann.creates(tags=["both", "only two"])
    assert ann.get("tags").json() == [{"name": "both", "usage_count": 1}, {"name": "only two", "usage_count": 1}]
