"""POST …/batch: the answers."""

from typing import Any
from uuid import uuid4

import httpx

from tests.architecture.test_migrations import run
from tests.support.client import Json, Person

UNKNOWN = "7b0f7c5e-51f5-4f4b-8d7a-3f1f1f0c9a77"


def batch(person: Person, *operations: object, atomic: bool | None = None, key: str | None = None) -> httpx.Response:
    body: Json = {"operations": operations} | ({} if atomic is None else {"atomic": atomic})
    return person.post("batch", json=body, headers={} if key is None else {"Idempotency-Key": key})


def create(**task: Any) -> Json:
    return {"op": "create", "task": {"title": "Buy milk", **task}}


def update(task_id: str, task: Json, **more: Any) -> Json:
    return {"op": "update", "id": task_id, "task": task, **more}


def delete(task_id: str, **more: Any) -> Json:
    return {"op": "delete", "id": task_id, **more}


def restore(task_id: str) -> Json:
    return {"op": "restore", "id": task_id}


def log(person: Person, url: str) -> list[tuple[int, str, int, int | None]]:
    """Revision, kind, version and batch of each entry."""
    rows = run(
        url,
        f"select revision, op, version, batch from changes where user_id = '{person.user_id}' order by revision",
    )
    return [tuple(row) for row in rows]


def test_the_operations_are_carried_out_in_their_order(ann: Person, database_url: str) -> None:
    changed, removed = ann.creates(tags=["a"]), ann.creates()
    answer = batch(
        ann,
        create(title=" New ", tags=["b", "a", "b "], due_date="9999-12-31", completed=True, priority="Low"),
        update(changed["id"], {"tags": ["c"], "description": "D"}),
        delete(removed["id"]),
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["change-id"] == "5"
    created, updated, deleted = answer.json()["results"]
    assert (created["status"], updated["status"], deleted) == (201, 200, {"status": 204})
    assert {name: created["task"][name] for name in ("title", "tags", "due_date", "completed", "priority")} == {
        "title": "New",
        "tags": ["a", "b"],
        "due_date": "9999-12-31",
        "completed": True,
        "priority": "Low",
    }
    assert ann.sees(created["task"]["id"]) == created["task"]
    assert ann.sees(changed["id"]) == updated["task"]
    assert (updated["task"]["version"], updated["task"]["tags"]) == (2, ["c"])
    assert ann.get(f"tasks/{removed['id']}").status_code == 404
    assert log(ann, database_url) == [
        (1, "create", 1, None),
        (2, "create", 1, None),
        (3, "create", 1, 3),
        (4, "change", 2, 3),
        (5, "remove", 2, 3),
    ]


def test_a_batch_that_writes_once_is_a_change_as_others(ann: Person, database_url: str) -> None:
    answer = batch(ann, create(), atomic=True)
    assert answer.headers["change-id"] == "1"
    assert log(ann, database_url) == [(1, "create", 1, None)]


def test_a_batch_that_changes_nothing_has_no_change_id(ann: Person, database_url: str) -> None:
    task = ann.creates()
    answer = batch(ann, update(task["id"], {"title": task["title"]}), key="k")
    assert (answer.status_code, answer.json()) == (200, {"results": [{"status": 200, "task": task}]})
    assert "change-id" not in answer.headers
    assert len(log(ann, database_url)) == 1


def refused(ann: Person) -> tuple[list[Json], list[Json]]:
    """Operations that are refused, and those parts of their results that are not the task."""
    stale, taken, gone = ann.creates(), ann.creates(), ann.creates(id=str(uuid4()))
    ann.patch(f"tasks/{stale['id']}", json={"title": "Elsewhere"})
    ann.delete(f"tasks/{gone['id']}")
    operations = [
        update(stale["id"], {"title": "Mine"}, if_version=1),
        create(id=taken["id"]),
        create(id=gone["id"]),
        delete(UNKNOWN),
    ]
    return operations, [
        {"status": 412, "current": ann.sees(stale["id"]), "changed": ["title"]},
        {"status": 409, "current": taken},
        {"status": 409, "current": None},
        {"status": 404},
    ]


def alone(person: Person, operation: Json) -> httpx.Response:
    """The operation as a single request."""
    path = f"tasks/{operation.get('id')}"
    headers = {"If-Match": f'"{operation["if_version"]}"'} if "if_version" in operation else {}
    match operation["op"]:
        case "create":
            return person.post("tasks", json=operation["task"])
        case "update":
            query = {"on_stale": operation["on_stale"]} if "on_stale" in operation else {}
            return person.patch(path, json=operation["task"], headers=headers, params=query)
        case "restore":
            return person.post(f"trash/{operation['id']}/restore")
        case _:
            return person.delete(path, headers=headers)


def test_an_atomic_batch_with_a_refusal_changes_nothing(ann: Person, database_url: str) -> None:
    operations, expected = refused(ann)
    kept = ann.creates(tags=["a"])
    before, entries = ann.get("tasks").json(), log(ann, database_url)
    answer = batch(ann, update(kept["id"], {"tags": ["b"], "completed": True}), *operations, create(), key="k")
    assert (answer.status_code, answer.json()["code"]) == (409, "batch_failed")
    assert "change-id" not in answer.headers
    first, *others, last = answer.json()["results"]
    assert (first["status"], first["task"]["tags"], last["status"]) == (200, ["b"], 201)
    for operation, wanted, result in zip(operations, expected, others, strict=True):
        error = alone(ann, operation).json()
        assert result.pop("error") == {"detail": error["detail"], "code": error["code"]}
        assert result == wanted
    assert ann.get("tasks").json() == before
    assert log(ann, database_url) == entries
    # The key is free.
    assert batch(ann, create(), key="k").status_code == 200


def test_a_batch_that_is_not_atomic_does_what_it_can(ann: Person, database_url: str) -> None:
    operations, expected = refused(ann)
    entries = log(ann, database_url)
    answer = batch(ann, create(title="1"), *operations, create(title="2"), atomic=False)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, *(each["status"] for each in expected), 201]
    number = len(entries)
    assert log(ann, database_url)[number:] == [(number + each, "create", 1, number + 1) for each in (1, 2)]
    assert answer.headers["change-id"] == str(number + 2)


def test_a_batch_that_is_refused_as_a_whole_is_200_unless_it_is_atomic(ann: Person) -> None:
    answer = batch(ann, delete(UNKNOWN), atomic=False)
    assert (answer.status_code, answer.json()["results"][0]["status"]) == (200, 404)
    assert "change-id" not in answer.headers


def test_a_stale_version_can_be_merged(ann: Person) -> None:
    task = ann.creates()
    ann.patch(f"tasks/{task['id']}", json={"title": "Elsewhere"})
    assert batch(ann, update(task["id"], {"tags": ["a"]}, if_version=1)).status_code == 409
    answer = batch(ann, update(task["id"], {"tags": ["a"]}, if_version=1, on_stale="merge"))
    merged = answer.json()["results"][0]["task"]
    assert (merged["title"], merged["tags"], merged["version"]) == ("Elsewhere", ["a"], 3)


def test_a_batch_stops_at_the_limit_of_tasks(ann: Person, database_url: str) -> None:
    """It reads the number of tasks from the head row, which it raises itself."""
    ann.creates()
    run(database_url, f"update heads set tasks = 99999, pending = 99999 where user_id = '{ann.user_id}'")
    answer = batch(ann, create(), create(), create(), atomic=False)
    assert [result["status"] for result in answer.json()["results"]] == [201, 409, 409]
    assert {result["error"]["code"] for result in answer.json()["results"][1:]} == {"limit_reached"}


def test_tasks_of_others_are_not_found(ann: Person, bob: Person) -> None:
    theirs = bob.creates(id=str(uuid4()))
    answer = batch(ann, update(theirs["id"], {"title": "Stolen"}), atomic=False)
    assert answer.json()["results"][0]["error"]["code"] == "task_not_found"
    assert batch(ann, delete(theirs["id"])).status_code == 409
    assert batch(ann, create(id=theirs["id"])).status_code == 200
    assert bob.sees(theirs["id"]) == theirs


def test_a_hundred_operations_are_possible(ann: Person, database_url: str) -> None:
    answer = batch(ann, *(create(title=f"{number}", tags=[f"t{number}", "a"]) for number in range(100)))
    assert answer.status_code == 200, answer.text
    titles = [result["task"]["title"] for result in answer.json()["results"]]
    assert titles == [str(number) for number in range(100)]
    assert answer.headers["change-id"] == "100"
    assert {entry[3] for entry in log(ann, database_url)} == {1}
    pages = ann.get("changes?limit=500").json()
    assert len(pages["changes"]) == 100
