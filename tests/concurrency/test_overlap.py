"""Requests that certainly overlap: the test holds a lock until all of them wait for it."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import asyncpg
import httpx
import pytest

from tests.support.client import Json, Person, fresh_user, token_for
from tests.support.service import Service
from todo_api.db.url import connect_arguments

MANY = 12
"""Fewer than the service has connections."""
HELD_SECONDS = 3
"""Less than the service waits for a statement."""

_WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
_WAITING_ON_A_CLUSTER = f"select sum(result::int) from run_command_on_workers($${_WAITING}$$)"
_IS_CLUSTER = "select to_regproc('run_command_on_workers') is not null"
_ROW = "select 1 from tasks where user_id = $1 for update"
_KEY = "select 1 from idempotency_keys where user_id = $1 for update"
_NEW_KEY = "insert into idempotency_keys values ($1, 'k', '', gen_random_uuid(), now())"
_AGED = "update idempotency_keys set created_at = now() - interval '8 days' where user_id = $1"

Send = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]


async def _overlap(url: str, user: str, sql: str, send: Send) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    holder, watcher = [await asyncpg.connect(**connect_arguments(url)) for _ in range(2)]
    try:
        headers = {"Authorization": f"Bearer {token_for(user)}"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as http, anyio.create_task_group() as clients:

            async def one(number: int) -> None:
                answers.append(await send(http, number))

            hold = holder.transaction()
            await hold.start()
            await holder.execute(sql, user)
            deadline = time.monotonic() + HELD_SECONDS
            for number in range(MANY):
                clients.start_soon(one, number)
            waiting = 0
            count = _WAITING_ON_A_CLUSTER if await watcher.fetchval(_IS_CLUSTER) else _WAITING
            while waiting < MANY and time.monotonic() < deadline:
                await anyio.sleep(0.01)
                waiting = await watcher.fetchval(count)
            await hold.rollback()
            assert waiting > 1, "nothing overlapped"
        return answers
    finally:
        await holder.close()
        await watcher.close()


async def _run(url: str, sql: str, user: str) -> None:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        await connection.execute(sql, user)
    finally:
        await connection.close()


@pytest.fixture
def overlap(service: Service, database_url: str) -> Callable[[str, str, str, str, Any], list[httpx.Response]]:
    def call(user: str, held: str, method: str, path: str, body: Any) -> list[httpx.Response]:
        async def send(http: httpx.AsyncClient, number: int) -> httpx.Response:
            headers = {"Idempotency-Key": "k"} if method == "POST" else {"If-Match": '"1"'}
            json = {"title": f"{body} {number}"} if method == "PATCH" else body
            return await http.request(method, f"{service.url}/api/{user}/{path}", json=json, headers=headers)

        return anyio.run(_overlap, database_url, user, held, send)

    return call


Overlap = Callable[[str, str, str, str, Any], list[httpx.Response]]


def test_one_of_many_edits_of_one_version_is_made(ann: Person, overlap: Overlap) -> None:
    task = ann.creates()
    answers = overlap(ann.user_id, _ROW, "PATCH", f"tasks/{task['id']}", "by")
    (made,) = [answer for answer in answers if answer.status_code == 200]
    assert made.json()["version"] == 2
    assert ann.sees(task["id"]) == made.json()
    refused = [answer.json() for answer in answers if answer.status_code == 412]
    assert len(refused) == MANY - 1
    for refusal in refused:
        assert (refusal["current"], refusal["changed"]) == (made.json(), ["title"])


def test_one_of_many_deletes_of_one_version_is_done(ann: Person, overlap: Overlap) -> None:
    task = ann.creates()
    answers = overlap(ann.user_id, _ROW, "DELETE", f"tasks/{task['id']}", None)
    assert sorted(answer.status_code for answer in answers) == [204] + [404] * (MANY - 1)


@pytest.mark.parametrize("aged", [False, True], ids=["free", "old"])
def test_one_of_many_uses_of_one_key_makes_a_task(
    service: Service, database_url: str, overlap: Overlap, aged: bool
) -> None:
    body: Json = {"title": "Once", "tags": ["a"]}
    with Person(service.url, fresh_user("ann")) as ann:
        earlier: set[bytes] = set()
        if aged:
            earlier = {ann.post("tasks", json=body, headers={"Idempotency-Key": "k"}).content}
            anyio.run(_run, database_url, _AGED, ann.user_id)
        answers = overlap(ann.user_id, _KEY if aged else _NEW_KEY, "POST", "tasks", body)
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers} - earlier) == 1
        assert not earlier & {answer.content for answer in answers}
        assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
        assert ann.get("tasks").json()["total"] == 1 + aged
