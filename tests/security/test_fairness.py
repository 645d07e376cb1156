"""One user's slow statements do not delay another user's."""

import http.client
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Self
from uuid import uuid4

import anyio
import asyncpg
import pytest
from anyio import to_thread

from tests.support.client import Person, fresh_user, token_for
from tests.support.service import Service, running
from todo_api.db.fair_semaphore import MOST_OF_ONE_USER
from todo_api.db.url import connect_arguments

NAME = f"fairness_{uuid4().hex}"
"""Of the connections of this test process: others use the same PostgreSQL at the same time."""
_BLOCKED = "select pid from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock' order by pid"


@pytest.fixture(scope="module")
def served(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    url = f"{database_url}&application_name={NAME}"
    with running(tmp_path_factory.mktemp("service"), {"DATABASE_URL": url}) as service:
        yield service


@pytest.fixture
def heavy(served: Service) -> Iterator[Person]:
    with Person(served.url, fresh_user("heavy")) as person:
        yield person


@pytest.fixture
def other(served: Service) -> Iterator[Person]:
    with Person(served.url, fresh_user("other")) as person:
        yield person


class Changes:
    """Changes of one task, sent at once. Their answers are read later."""

    def __init__(self, service: Service, person: Person, task_id: str, number: int) -> None:
        self._connections = [http.client.HTTPConnection("127.0.0.1", service.port, timeout=30) for _ in range(number)]
        headers = {"Authorization": f"Bearer {token_for(person.user_id)}", "Content-Type": "application/json"}
        for at, connection in enumerate(self._connections):
            path = f"/api/{person.user_id}/tasks/{task_id}"
            connection.request("PATCH", path, headers=headers, body=json.dumps({"title": f"title {at}"}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()

    def answers(self) -> Counter[tuple[int, str, str]]:
        """Status, code and Retry-After of the answers."""
        counts: Counter[tuple[int, str, str]] = Counter()
        for connection in self._connections:
            answer = connection.getresponse()
            code = json.loads(answer.read()).get("code", "")
            counts[answer.status, code, answer.headers.get("Retry-After", "")] += 1
        return counts


class Locked:
    """The user's tasks, locked by another transaction: every change of them waits in PostgreSQL."""

    def __init__(self, watcher: asyncpg.Connection) -> None:
        self._watcher = watcher

    async def blocked(self, number: int) -> list[int]:
        """The processes of the statements that wait for the lock, as soon as there are `number`."""
        deadline = time.monotonic() + 30
        while len(pids := [row["pid"] for row in await self._watcher.fetch(_BLOCKED, NAME)]) < number:
            assert time.monotonic() < deadline
            await anyio.sleep(0.01)
        return pids


@asynccontextmanager
async def locked(url: str, person: Person) -> AsyncIterator[Locked]:
    holder, watcher = [await asyncpg.connect(**connect_arguments(url)) for _ in range(2)]
    try:
        async with holder.transaction():
            await holder.execute("select from tasks where user_id = $1 for update", person.user_id)
            yield Locked(watcher)
    finally:
        await holder.close()
        await watcher.close()


def run(story: Callable[[ExitStack], Awaitable[None]]) -> None:
    with ExitStack() as stack:
        anyio.run(story, stack)


def test_while_50_statements_of_one_user_wait_another_user_is_answered(
    served: Service, heavy: Person, other: Person, database_url: str
) -> None:
    task = heavy.creates()
    other.creates()

    async def story(stack: ExitStack) -> None:
        async with locked(database_url, heavy) as lock:
            changes = stack.enter_context(Changes(served, heavy, task["id"], 50))
            before = await lock.blocked(MOST_OF_ONE_USER)
            for path in ("tasks", "tags", "/health/ready"):
                assert (await to_thread.run_sync(other.get, path)).status_code == 200
            assert (await to_thread.run_sync(other.creates))["version"] == 1
            assert await lock.blocked(MOST_OF_ONE_USER) == before, "the same four, and no fifth"
        await to_thread.run_sync(changes.answers)

    run(story)


def test_the_fifth_statement_of_a_user_waits_until_another_has_ended(
    served: Service, heavy: Person, database_url: str
) -> None:
    task = heavy.creates()

    async def story(stack: ExitStack) -> None:
        async with locked(database_url, heavy) as lock:
            changes = stack.enter_context(Changes(served, heavy, task["id"], MOST_OF_ONE_USER + 1))
            assert len(await lock.blocked(MOST_OF_ONE_USER)) == MOST_OF_ONE_USER
        assert await to_thread.run_sync(changes.answers) == {(200, "", ""): MOST_OF_ONE_USER + 1}

    run(story)
    assert heavy.sees(task["id"])["version"] == task["version"] + MOST_OF_ONE_USER + 1


def test_a_statement_that_waits_too_long_for_the_others_of_its_user_is_busy(
    served: Service, heavy: Person, database_url: str
) -> None:
    task = heavy.creates()

    async def story(stack: ExitStack) -> None:
        async with locked(database_url, heavy) as lock:
            changes = stack.enter_context(Changes(served, heavy, task["id"], MOST_OF_ONE_USER + 1))
            await lock.blocked(MOST_OF_ONE_USER)
            counts = await to_thread.run_sync(changes.answers)
        assert counts.pop((503, "busy", "1")) == 1
        assert {code for _, code, _ in counts} <= {"database_too_slow", "outcome_unknown"}

    run(story)
    assert heavy.sees(task["id"]) == task
