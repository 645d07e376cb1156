"""Idempotency-Key on POST …/batch."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx

from tests.architecture.test_migrations import run
from tests.features.batch.test_batch import UNKNOWN, batch, create, delete, log, update
from tests.features.tasks.test_idempotency_key import age, keys_of
from tests.features.trash.test_purge import texts
from tests.support.client import Json, Person

FULL: Final[Json] = {
    "title": "é 😀",
    "description": "D\n",
    "priority": "High",
    "due_date": "9999-12-31",
    "tags": ["b", "ß"],
    "completed": True,
}


def replays(first: httpx.Response, again: httpx.Response) -> None:
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers.get("change-id") == first.headers.get("change-id")


def test_a_repetition_gets_the_first_answer_also_a_partial_one(ann: Person, database_url: str) -> None:
    stale, gone, taken, same = ann.creates(), ann.creates(), ann.creates(), ann.creates(due_date="0001-01-01")
    ann.patch(f"tasks/{stale['id']}", json={"title": "Elsewhere", "due_date": "2026-02-28"})
    operations = [
        create(**FULL),
        update(stale["id"], {"title": "Mine"}, if_version=1),
        delete(gone["id"]),
        create(id=taken["id"]),
        update(same["id"], {}),
        delete(UNKNOWN),
    ]
    first = batch(ann, *operations, atomic=False, key="k")
    results = first.json()["results"]
    assert [result["status"] for result in results] == [201, 412, 204, 409, 200, 404]
    entries = log(ann, database_url)
    created = results[0]["task"]["id"]
    ann.patch(f"tasks/{created}", json={"title": "New"})
    ann.delete(f"tasks/{taken['id']}")
    for _ in range(2):
        replays(first, batch(ann, *operations, atomic=False, key="k"))
    assert log(ann, database_url)[: len(entries)] == entries
    assert len(log(ann, database_url)) == len(entries) + 2
    ann.delete(f"tasks/{created}")
    replays(first, batch(ann, *operations, atomic=False, key="k"))


def test_an_atomic_batch_is_repeated_too(ann: Person) -> None:
    task = ann.creates()
    operations = [update(task["id"], {"completed": True}), create()]
    replays(batch(ann, *operations, key="k"), batch(ann, *operations, key="k"))


def test_a_batch_that_changed_nothing_is_repeated(ann: Person) -> None:
    task = ann.creates()
    first = batch(ann, update(task["id"], {}), key="k")
    ann.patch(f"tasks/{task['id']}", json={"title": "New"})
    replays(first, batch(ann, update(task["id"], {}), key="k"))


def test_another_body_is_409(ann: Person) -> None:
    task = ann.creates()
    batch(ann, update(task["id"], {"title": "A"}), key="k")
    others = [
        batch(ann, update(task["id"], {"title": "B"}), key="k"),
        batch(ann, update(task["id"], {"title": "A"}, if_version=1), key="k"),
        batch(ann, update(task["id"], {"title": "A"}), atomic=False, key="k"),
        batch(ann, update(task["id"], {"title": "A"}), create(), key="k"),
        batch(ann, delete(task["id"]), key="k"),
        ann.post("tasks", json={"title": "A"}, headers={"Idempotency-Key": "k"}),
    ]
    for answer in others:
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert ann.post("tasks", json={"title": "A"}, headers={"Idempotency-Key": "create"}).status_code == 201
    assert batch(ann, create(title="A"), key="create").json()["code"] == "idempotency_key_reused"


def test_bodies_are_compared_by_meaning(ann: Person) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    first = ann.post("batch", content=b'{"operations":[{"op":"create","task":{"title":"T"}}]}', headers=headers)
    again = b'{"atomic":true,"operations":[{"task":{"tags":[],"title":" \\u0054"},"op":"create"}]}'
    replays(first, ann.post("batch", content=again, headers=headers))


def test_an_old_key_is_free_and_is_swept(ann: Person, database_url: str) -> None:
    first = batch(ann, create(), key="k")
    age(ann, database_url, 7 * 24 + 1)
    again = batch(ann, create(), key="k")
    assert again.json()["results"][0]["task"]["id"] != first.json()["results"][0]["task"]["id"]
    age(ann, database_url, 7 * 24 + 1)
    batch(ann, create(), key="other")
    assert keys_of(ann, database_url) == ["other"]


def test_twenty_parallel_batches_under_one_key_do_it_once(ann: Person, database_url: str) -> None:
    operations = [create(title=str(number), tags=["a"]) for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: batch(ann, *operations, delete(UNKNOWN), atomic=False, key="k"), range(20)))
    done = [answer for answer in answers if answer.status_code == 200]
    assert {answer.json()["code"] for answer in answers if answer.status_code != 200} <= {"busy"}
    assert len(done) > 1
    assert len({answer.content for answer in done}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1
    (row,) = run(database_url, f"select count(*) from tasks where user_id = '{ann.user_id}'")
    assert row["count"] == 20
    assert len(log(ann, database_url)) == 20


def test_the_answers_of_a_batch_go_with_a_task_that_is_deleted_for_good(ann: Person, database_url: str) -> None:
    task = ann.creates(title="secret one")
    operations = [update(task["id"], {"title": "secret two"}), create()]
    batch(ann, *operations, key="k")
    other = batch(ann, create(title="other"), key="other")
    deleted = batch(ann, delete(task["id"]), key="delete")
    ann.delete(f"trash/{task['id']}")
    assert "secret" not in texts(database_url, ann)
    again = batch(ann, *operations, key="k")
    assert (again.status_code, again.json()["code"]) == (410, "task_deleted")
    replays(other, batch(ann, create(title="other"), key="other"))
    replays(deleted, batch(ann, delete(task["id"]), key="delete"))
