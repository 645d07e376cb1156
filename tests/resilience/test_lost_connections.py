"""A lost connection costs one retry that the client does not see. No write is executed twice."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

import anyio
import asyncpg
import httpx
import pytest

from tests.support.client import Json, Person, fresh_user
from tests.support.proxy import Proxy
from tests.support.service import Service
from todo_api.db import database as engine
from todo_api.db.database import Database
from todo_api.db.session import UserSession
from todo_api.db.url import connect_arguments
from todo_api.features.tasks.repository import TaskRepository

Call = Callable[[Person, Json], httpx.Response]
OPERATIONS: dict[str, tuple[Call, int]] = {
    "createTask": (lambda ann, _: ann.post("tasks", json={"title": "new", "tags": ["a", "b"]}), 201),
    "listTasks": (lambda ann, _: ann.get("tasks"), 200),
    "getTask": (lambda ann, task: ann.get(f"tasks/{task['id']}"), 200),
    "updateTask": (lambda ann, task: ann.patch(f"tasks/{task['id']}", json={"title": "x", "tags": ["c"]}), 200),
    "toggleTaskCompletion": (lambda ann, task: ann.patch(f"tasks/{task['id']}/complete"), 200),
    "listTags": (lambda ann, _: ann.get("tags"), 200),
    "deleteTask": (lambda ann, task: ann.delete(f"tasks/{task['id']}"), 204),
}
NOT_REPEATED = ("updateTask", "toggleTaskCompletion", "deleteTask")


async def terminate(url: str, name: str) -> None:
    """Ends the connections of the application `name`, as an administrator, a suspension or a failover does."""
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        await connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = $1", name
        )
    finally:
        await connection.close()


def was_done_once(person: Person, operation: str, before: Json, answer: httpx.Response) -> None:
    tasks = person.get("tasks").json()["data"]
    match operation:
        case "createTask":
            assert [tasks[0], tasks[1]] == [answer.json(), before]
            assert tasks[0]["tags"] == ["a", "b"]
        case "updateTask" | "toggleTaskCompletion":
            assert [task["version"] for task in tasks] == [2]
        case "deleteTask":
            assert tasks == []
        case _:
            assert tasks == [before]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("death", ["terminated", "closed", "reset"])
def test_a_connection_that_was_closed_while_idle_costs_no_error(
    cut_off: Person, proxy: Proxy, database_url: str, operation: str, death: str
) -> None:
    task = cut_off.creates(tags=["a"])
    call, status = OPERATIONS[operation]
    if death == "terminated":
        anyio.run(terminate, database_url, proxy.name)
    else:
        proxy.cut(reset=death == "reset")
    answer = call(cut_off, task)
    assert answer.status_code == status, answer.text
    was_done_once(cut_off, operation, task, answer)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("reset", [False, True])
def test_a_lost_answer_does_not_execute_a_write_twice(
    cut_off: Person, proxy: Proxy, operation: str, reset: bool
) -> None:
    task = cut_off.creates(tags=["a"])
    call, status = OPERATIONS[operation]
    proxy.cut_by_reset = reset
    proxy.cut_answer_to = cut_off.user_id.encode()
    answer = call(cut_off, task)
    assert proxy.cut_answer_to is None, "it was cut"
    if operation in NOT_REPEATED:
        assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
        assert int(answer.headers["retry-after"]) > 0
    else:
        assert answer.status_code == status, answer.text
    was_done_once(cut_off, operation, task, answer)


def test_a_create_whose_outcome_cannot_be_read_is_outcome_unknown(cut_off: Person, proxy: Proxy) -> None:
    proxy.cut_answer_to = cut_off.user_id.encode()
    proxy.cut_and_refuse = True
    try:
        answer = cut_off.post("tasks", json={"title": "made", "tags": ["a"]})
    finally:
        proxy.cut_and_refuse = False
        proxy.listen()
    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    assert [task["tags"] for task in cut_off.get("tasks").json()["data"]] == [["a"]]


@pytest.mark.parametrize("operation", ["createTask", "getTask"])
def test_a_connection_without_answers_is_replaced(cut_off: Person, proxy: Proxy, operation: str) -> None:
    task = cut_off.creates(tags=["a"])
    call, status = OPERATIONS[operation]
    proxy.freeze()
    began = time.monotonic()
    answer = call(cut_off, task)
    assert answer.status_code == status, answer.text
    assert 1.5 < time.monotonic() - began < 5
    was_done_once(cut_off, operation, task, answer)


async def toggle_on_a_frozen_connection(url: str, proxy: Proxy, person: Person, task_id: UUID) -> None:
    database = Database(url, pool_size=1, max_overflow=0)
    await database.open()
    try:
        tasks = TaskRepository(UserSession(database, person.user_id))
        await tasks.get(task_id)
        await anyio.to_thread.run_sync(proxy.freeze)
        assert (await tasks.toggle(task_id)).task.version == 2
    finally:
        await database.close()


def test_an_idle_connection_is_tested_before_a_write(
    cut_off: Person, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_TRUSTED_SECONDS", 0)
    task = cut_off.creates()
    anyio.run(toggle_on_a_frozen_connection, proxy.url, proxy, cut_off, UUID(task["id"]))
    assert cut_off.sees(task["id"])["version"] == 2


async def seconds_with_frozen_connections(
    url: str, proxy: Proxy, person: Person, task_id: UUID, *, write: bool
) -> float:
    database = Database(url, pool_size=8, max_overflow=0)
    await database.open()
    try:
        # The queries of the start would use one of the connections.
        await database.health.check()
        await database.schema.check()
        tasks = TaskRepository(UserSession(database, person.user_id))
        # Eight users, since at most four statements of one user are under way.
        others = [TaskRepository(UserSession(database, fresh_user("bob"))) for _ in range(8)]
        await asyncio.gather(*(theirs.get(task_id) for theirs in others), return_exceptions=True)
        assert database.connections()[:2] == (8, 8)
        await anyio.to_thread.run_sync(proxy.freeze)
        began = time.monotonic()
        task = (await tasks.toggle(task_id)).task if write else await tasks.get(task_id)
        assert task.version == 1 + write
        return time.monotonic() - began
    finally:
        await database.close()


@pytest.mark.parametrize("write", [False, True])
def test_after_one_failed_test_all_connections_idle_for_longer_are_closed(
    cut_off: Person, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, write: bool
) -> None:
    monkeypatch.setattr(engine, "_TRUSTED_SECONDS", 0)
    task = cut_off.creates()
    took = anyio.run(partial(seconds_with_frozen_connections, write=write), proxy.url, proxy, cut_off, UUID(task["id"]))
    assert took < 4.5


def test_a_write_without_an_answer_is_outcome_unknown_within_5_s(
    cut_off: Person, proxy: Proxy, behind: Service
) -> None:
    task = cut_off.creates()
    proxy.freeze()
    began = time.monotonic()
    answer = cut_off.patch(f"tasks/{task['id']}/complete")
    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    assert time.monotonic() - began < 5.5
    assert cut_off.sees(task["id"]) == task
    assert 'File "' not in behind.log.read_text()
