"""Writers of the first release and of this version change the same tasks: nothing is lost, doubled or refused.

`first_release/` has the statements that the first release sends. Here they run on the schema of this version, as they
do while replicas of both versions serve (docs/operations.md, "Upgrade"). `benchmarks/upgrade` runs that release itself.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import anyio
import asyncpg
import httpx

from tests.concurrency.writers import NewWriter, OldWriter, Writer
from tests.support.client import Json, fresh_user, token_for
from tests.support.ledger import Ledger
from tests.support.ledger_stored import compare_log, compare_tasks
from tests.support.service import Service
from todo_api.db.url import connect_arguments

SECONDS: Final = 5
WRITERS: Final = 6
"""Of each version, for the tasks that all of them change."""
PAIRS: Final = 2
HOT_TASKS: Final = 3
TAGS: Final = ("a", "b", "c", "d", "e")


class Writers:
    """The writers of one user, and what they have written."""

    def __init__(self, url: str, service: Service, stack: AsyncExitStack) -> None:
        self.url = url
        self.stack = stack
        self.user = fresh_user("ann")
        self.ledger = Ledger()
        headers = {"Authorization": f"Bearer {token_for(self.user)}"}
        self.http = httpx.AsyncClient(base_url=f"{service.url}/api/{self.user}/", headers=headers, timeout=30)
        stack.push_async_callback(self.http.aclose)

    def new(self) -> NewWriter:
        return NewWriter(self.user, self.ledger, self.http)

    async def connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(**connect_arguments(self.url))
        self.stack.push_async_callback(connection.close)
        return connection

    async def old(self) -> OldWriter:
        return OldWriter(self.user, self.ledger, await self.connect())


@asynccontextmanager
async def writers(url: str, service: Service) -> AsyncIterator[Writers]:
    async with AsyncExitStack() as stack:
        yield Writers(url, service, stack)


def contents(seed: int) -> Iterator[Json]:
    """Titles and tags that no other write has, for `SECONDS`."""
    chance = random.Random(seed)
    end = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < end:
        number += 1
        mark = f"{seed}-{number}"
        yield {"title": mark, "tags": sorted({*chance.sample(TAGS, chance.randint(0, 3)), mark})}


async def change_hot_tasks(writer: Writer, tasks: list[str], seed: int) -> None:
    chance = random.Random(seed)
    for body in contents(seed):
        await writer.change(chance.choice(tasks), chance.choice([body, body, None]))


async def race(old: OldWriter, new: NewWriter, seed: int) -> None:
    """Both create the same task with one key, change it and delete it."""
    for body in contents(seed):
        key = str(uuid4())
        first, second = await asyncio.gather(*(writer.create(body, key) for writer in (old, new)))
        assert first == second, "one key created two tasks"
        await asyncio.gather(*(writer.change(first, None) for writer in (old, new)))
        await asyncio.gather(old.delete(first), new.delete(first), new.change(first, None))


async def change_at_once(url: str, service: Service) -> Ledger:
    async with writers(url, service) as ann:
        old, new = await ann.old(), ann.new()
        tasks = [await writer.create(body) for writer, body in zip([old, new, old], contents(0), strict=False)]
        jobs: list[Awaitable[Any]] = []
        for seed in range(WRITERS):
            jobs.append(change_hot_tasks(await ann.old(), tasks, 100 + seed))
            jobs.append(change_hot_tasks(ann.new(), tasks, 200 + seed))
        jobs += [race(await ann.old(), ann.new(), 300 + seed) for seed in range(PAIRS)]
        await asyncio.gather(*jobs)
        connection = await ann.connect()
        await compare_tasks(connection, ann.ledger, [ann.user])
        counts = await compare_log(connection, ann.ledger, [ann.user], NewWriter.name)
        assert min(counts.values()) > 50, counts
        return ann.ledger


def test_writers_of_both_versions_lose_nothing(service: Service, database_url: str) -> None:
    ledger = anyio.run(change_at_once, database_url, service)
    assert not ledger.wrong
    assert 'File "' not in service.log.read_text()


async def drop_a_tag(url: str, service: Service) -> int:
    async with writers(url, service) as ann:
        task_id = await (await ann.old()).create({"title": "a", "tags": ["home"]})
        await ann.new().change(task_id, {"tags": []})
        connection = await ann.connect()
        count: int = await connection.fetchval("select count(*) from tags where user_id = $1", ann.user)
        return count


def test_the_first_write_of_this_version_keeps_a_tag_that_the_first_release_may_link(
    service: Service, database_url: str
) -> None:
    """The first release does not lock the head. If the tag were deleted, its link would be refused."""
    assert anyio.run(drop_a_tag, database_url, service) == 1
