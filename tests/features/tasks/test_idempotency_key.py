"""Idempotency-Key on POST."""

from datetime import date, timedelta
from hashlib import blake2b
from typing import Any
from uuid import uuid4

import anyio
import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from tests.support.client import Json, Person, errors_of
from todo_api.db.url import connect_arguments
from todo_api.features.tasks.idempotency import fingerprint
from todo_api.features.tasks.structs import TaskCreate

FULL: Json = {"title": "T", "description": "D", "priority": "High", "due_date": "2026-02-28", "tags": ["b", "a"]}


def post(person: Person, key: str | bytes, **task: Any) -> httpx.Response:
    raw = key.encode() if isinstance(key, str) else key
    return person.post("tasks", json={"title": "Buy milk", **task}, headers=[(b"Idempotency-Key", raw)])


async def _sql(url: str, sql: str, *values: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()


def keys_of(person: Person, url: str) -> list[str]:
    rows = anyio.run(_sql, url, "select key from idempotency_keys where user_id = $1 order by key", person.user_id)
    return [row["key"] for row in rows]


def age(person: Person, url: str, hours: float) -> None:
    """The instants are computed here, since a Citus cluster does not subtract an interval from a column."""
    keys = anyio.run(_sql, url, "select key, created_at from idempotency_keys where user_id = $1", person.user_id)
    sql = "update idempotency_keys set created_at = $3 where user_id = $1 and key = $2"
    for key in keys:
        anyio.run(_sql, url, sql, person.user_id, key["key"], key["created_at"] - timedelta(hours=hours))


def replays(first: httpx.Response, again: httpx.Response) -> None:
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]


BODIES: list[Json] = [
    {},
    FULL,
    {"completed": True},
    {"description": "", "tags": []},
    {"title": " é\n😀 ", "tags": ["ß", " ß"]},
]


@pytest.mark.parametrize("body", BODIES)
def test_a_retry_gets_the_first_answer(ann: Person, body: Json) -> None:
    key = str(uuid4())
    first = post(ann, key, **body)
    assert ann.sees(first.json()["id"]) == first.json()
    for _ in range(2):
        replays(first, post(ann, key, **body))
    assert ann.get("tasks").json()["total"] == 1
    keyless = ann.creates(**body)
    varying = ("id", "completed_at", "created_at", "updated_at")
    assert {**first.json(), **{name: keyless[name] for name in varying}} == keyless
    assert first.json()["completed_at"] == (first.json()["created_at"] if body.get("completed") else None)


def test_a_retry_gets_the_first_answer_after_the_task_was_changed(ann: Person) -> None:
    first = post(ann, "k", tags=["a"])
    path = f"tasks/{first.json()['id']}"
    ann.patch(path, json={"title": "New", "tags": ["b"]})
    replays(first, post(ann, "k", tags=["a"]))
    assert ann.get(path).json()["title"] == "New"


def test_a_retry_is_410_after_the_task_was_deleted(ann: Person, database_url: str) -> None:
    task = post(ann, "k", tags=["a"]).json()
    age(ann, database_url, 7 * 24 - 0.1)
    ann.delete(f"tasks/{task['id']}")
    for _ in range(2):
        answer = post(ann, "k", tags=["a"])
        assert (answer.status_code, answer.json()["code"]) == (410, "task_deleted")
        assert answer.json()["detail"].startswith("The task that this Idempotency-Key created or restored was deleted.")
        assert {"etag", "location", "idempotency-replayed"}.isdisjoint(answer.headers)
    assert post(ann, "k", title="Another").status_code == 409
    assert ann.get("tasks").json()["total"] == 0
    age(ann, database_url, 0.2)
    assert post(ann, "k", tags=["a"]).json()["id"] != task["id"], "an old key is a free key"


def test_bodies_are_compared_by_meaning(ann: Person) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    first = ann.post("tasks", content=b'{"title":"T","tags":["b","a"]}', headers=headers)
    again = (
        b'{ "tags": ["a", "b", "a"], "priority": "Medium", "title": " \\u0054", "due_date": null, "completed": false }'
    )
    replays(first, ann.post("tasks", content=again, headers=headers))


def test_a_new_field_leaves_the_fingerprints_of_earlier_releases_alone() -> None:
    """Their keys are still replayed. This is the fingerprint that the first release stored for the same task."""
    task = TaskCreate(title="T", due_date=date(2026, 2, 28), tags=["a"])
    stored = blake2b(b'{"title":"T","due_date":"2026-02-28","tags":["a"]}', digest_size=16).digest()
    assert fingerprint(task) == fingerprint(replace(task, completed=False)) == stored
    assert fingerprint(replace(task, completed=True)) != stored


@pytest.mark.parametrize(
    "other", [{"title": "U"}, {"tags": []}, {"priority": "Low"}, {"description": None}, {"completed": True}]
)
def test_the_same_key_with_another_body_is_409(ann: Person, other: Json) -> None:
    first = post(ann, "k", **FULL)
    answer = post(ann, "k", **{**FULL, **other})
    assert answer.status_code == 409
    assert answer.json() == {
        "detail": "This Idempotency-Key came with another request before. Make up a new one for each request.",
        "code": "idempotency_key_reused",
    }
    replays(first, post(ann, "k", **FULL))
    assert ann.get("tasks").json()["total"] == 1
    assert ann.get("tags").json() == [{"name": "a", "usage_count": 1}, {"name": "b", "usage_count": 1}]


def test_keys_are_the_users_own(ann: Person, bob: Person) -> None:
    mine, theirs = post(ann, "k", title="mine"), post(bob, "k", title="theirs")
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert "idempotency-replayed" not in theirs.headers
    assert mine.json()["id"] != theirs.json()["id"]


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", '"quoted"', "'; drop table tasks; --", "~!@#$%^&*()", "%_\\"])
def test_a_key_is_any_printable_text(ann: Person, key: str) -> None:
    replays(post(ann, key), post(ann, key))


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (b"", "string_too_short"),
        (b"x" * 256, "string_too_long"),
        ("é".encode(), "string_pattern_mismatch"),
        (b"a\tb", "string_pattern_mismatch"),
        (b"\xff", "string_pattern_mismatch"),
    ],
)
def test_a_malformed_key_is_named_and_creates_nothing(ann: Person, key: bytes, error: str) -> None:
    assert errors_of(post(ann, key)) == [("header.Idempotency-Key", error)]
    assert ann.get("tasks").json()["total"] == 0


def test_two_keys_are_refused(ann: Person) -> None:
    lines = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert errors_of(ann.post("tasks", json={"title": "T"}, headers=lines)) == [("header.Idempotency-Key", "repeated")]


def test_a_failed_validation_stores_nothing(ann: Person, database_url: str) -> None:
    assert post(ann, "k", title="").status_code == 400
    assert keys_of(ann, database_url) == []
    assert "idempotency-replayed" not in post(ann, "k").headers
    assert keys_of(ann, database_url) == ["k"]


def test_a_key_is_valid_for_7_days(ann: Person, database_url: str) -> None:
    first = post(ann, "k")
    age(ann, database_url, 7 * 24 - 0.1)
    again = post(ann, "k")
    assert (again.headers["idempotency-replayed"], again.json()["id"]) == ("true", first.json()["id"])
    age(ann, database_url, 0.2)
    second = post(ann, "k", title="Another")
    assert second.json()["id"] != first.json()["id"]
    replays(second, post(ann, "k", title="Another"))
    assert ann.get("tasks").json()["total"] == 2


def test_each_new_key_deletes_a_few_old_ones(ann: Person, bob: Person, database_url: str) -> None:
    for number in range(12):
        post(ann, f"old {number:02}")
    post(bob, "old")
    age(ann, database_url, 7 * 24 + 1)
    age(bob, database_url, 7 * 24 + 1)
    left = []
    for number in range(3):
        post(ann, f"new {number}")
        left.append(sum(key.startswith("old") for key in keys_of(ann, database_url)))
    assert left == [7, 2, 0]
    assert keys_of(bob, database_url) == ["old"]
    assert keys_of(ann, database_url) == ["new 0", "new 1", "new 2"]


async def _parallel(person: Person, bodies: list[Json]) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    headers = {"Authorization": person.headers["authorization"], "Idempotency-Key": "k"}

    async def one(body: Json) -> None:
        path = f"{str(person.base_url).rstrip('/')}/api/{person.user_id}/tasks"
        answers.append(await http.post(path, json=body, headers=headers))

    async with httpx.AsyncClient(timeout=30) as http, anyio.create_task_group() as clients:
        for body in bodies:
            clients.start_soon(one, body)
    return answers


def test_an_old_key_is_taken_over_once_by_many_at_once(ann: Person, database_url: str) -> None:
    first = post(ann, "k")
    age(ann, database_url, 7 * 24 + 1)
    answers = anyio.run(_parallel, ann, [{"title": "Buy milk"}] * 12)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers} - {first.content}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert ann.get("tasks").json()["total"] == 2


def test_of_two_bodies_at_once_one_wins(ann: Person) -> None:
    answers = anyio.run(_parallel, ann, [{"title": "A"}, {"title": "B"}] * 6)
    won = {answer.json()["title"] for answer in answers if answer.status_code == 201}
    assert len(won) == 1
    assert [answer.status_code for answer in answers].count(409) == 6
    assert ann.get("tasks").json()["total"] == 1
