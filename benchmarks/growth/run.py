"""The cost of operations as users get more and as one user's tasks get more, and the time to seed a million tasks.

    python -m benchmarks.growth.run [--users 1000,10000,100000] [--tasks 100,1000,10000,100000] [--million 1000]

Through the repositories on one connection, with the CPU time of its PostgreSQL process (proc(5), schedstat) and of this
process, which is driver and Structs. Without options, writes its part of docs/performance.md. Five minutes.
"""

import argparse
import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import count, cycle, pairwise
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import asyncpg

from benchmarks.compare.services import PROGRAM
from benchmarks.growth.report import Cost, Growth, draw, text
from benchmarks.measure.postgres import Server, seed, server
from benchmarks.measure.progress import Progress
from benchmarks.micro.listing import OneConnection, cpu_of
from tests.support.performance_page import load_average, machine, write_part
from todo_api.cli.seed import seed_user
from todo_api.config.limits import Limits
from todo_api.db.database import Database
from todo_api.db.session import UserSession
from todo_api.db.url import connect_arguments
from todo_api.features.tags.repository import TagRepository
from todo_api.features.tags.structs import TagQuery
from todo_api.features.tasks.list_parameters import TaskQuery
from todo_api.features.tasks.list_repository import TaskList
from todo_api.features.tasks.repository import TaskRepository
from todo_api.features.tasks.structs import Task, TaskCreate, TaskUpdate

USERS: Final = "1000,10000,100000"
SIZES: Final = "100,1000,10000,100000"
FEW: Final = 10
"""Tasks of each user that is not measured."""
MEASURED_USERS: Final = 100
MEASURED_TASKS: Final = 200
_OTHERS, _MEASURED = 1, 1000
"""First seeds of the two groups; each also uses the numbers after its own."""
ROUNDS, ROUND_SECONDS, CALLS = 3, 0.4, 200
_CHANGES: Final = count()
"""A new title for each change, since a change to the same title costs less."""
_PAGE: Final = 50
_FAR: Final = 1000
_NEW: Final = TaskCreate(
    title="Buy milk and bread", description="Two litres", priority="High", tags=["home", "shopping"]
)
_TASKS_A_SECOND: Final = 13_000
"""Tasks seeded a second, an estimate for the time left."""


class Person:
    def __init__(self, connection: asyncpg.Connection, me: str) -> None:
        session = UserSession(cast("Database", OneConnection(connection)), me)
        self.me = me
        self.lists = TaskList(session)
        self.tags = TagRepository(session)
        self.tasks = TaskRepository(session, Limits(tasks=1_000_000))
        self.cursor = ""
        self.ids: Iterator[UUID] = iter(())
        self.created: list[UUID] = []

    async def prepare(self, connection: asyncpg.Connection, size: int) -> None:
        ids = await connection.fetch("select id from tasks where user_id = $1 order by id limit 500", self.me)
        self.ids = cycle([row["id"] for row in ids])
        offset = _PAGE * (min(size // _PAGE, _FAR) - 2)
        before, self.state = await self.lists.page(TaskQuery(offset=offset, with_total=False))
        self.cursor = str(before.next_cursor)

    async def known_page(self) -> None:
        assert (await self.lists.page(TaskQuery(), [self.state])).content is None

    async def page(self, **query: Any) -> None:
        await self.lists.page(TaskQuery(**query))

    async def far_page(self) -> None:
        assert len((await self.lists.page(TaskQuery(cursor=self.cursor))).content.data) == _PAGE

    async def create(self) -> None:
        self.created.append((await self.tasks.create(_NEW)).task.id)

    async def update(self) -> Task:
        return await self.tasks.change(next(self.ids), TaskUpdate(title=f"Changed {next(_CHANGES)}", tags=["home"]))

    async def forget(self) -> None:
        """Deletes the tasks that the measurement created."""
        while self.created:
            await self.tasks.remove(self.created.pop())


OPERATIONS: Final[Mapping[str, Callable[[Person], Awaitable[Any]]]] = {
    "list, with total": lambda who: who.page(),
    "list that the client has": Person.known_page,
    "pending, with total": lambda who: who.page(status="pending"),
    "with due date, with total": lambda who: who.page(has_due_date=True),
    "list, without": lambda who: who.page(with_total=False),
    "far page, by cursor": Person.far_page,
    "get": lambda who: who.tasks.get(next(who.ids)),
    "create": Person.create,
    "update": Person.update,
    "toggle": lambda who: who.tasks.toggle(next(who.ids)),
    "tags": lambda who: who.tags.used(TagQuery()),
    "search, found": lambda who: who.page(search="grocery"),
    "search, found, without total": lambda who: who.page(search="grocery", with_total=False),
    "search, not found": lambda who: who.page(search="nowhere"),
}


async def cost(work: Callable[[Person], Awaitable[Any]], people: list[Person], cpu: Callable[[], float]) -> Cost:
    """Cost of one call: the cheapest of a few rounds, which other processes disturbed least."""
    everybody, costs = cycle(people), []
    for who in people:
        await work(who)
    for _ in range(ROUNDS):
        calls, end = 0, time.monotonic() + ROUND_SECONDS
        postgres, ours = cpu(), time.process_time()
        while calls < CALLS and time.monotonic() < end:
            await work(next(everybody))
            calls += 1
        ours, postgres = time.process_time() - ours, cpu() - postgres
        costs.append(Cost(1e3 * postgres / calls, 1e6 * ours / calls))
        for who in people:
            await who.forget()
    return Cost(min(each.postgres for each in costs), min(each.ours for each in costs))


async def costs(url: str, users: list[str], size: int) -> dict[str, Cost]:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        await connection.execute("set max_parallel_workers_per_gather = 0")
        people = [Person(connection, user) for user in users]
        for who in people:
            await who.prepare(connection, size)
        cpu = cpu_of(connection)
        return {name: await cost(work, people, cpu) for name, work in OPERATIONS.items()}
    finally:
        await connection.close()


def measure(postgres: Server, url: str, users: list[str], size: int) -> dict[str, Cost]:
    postgres.run("vacuum analyze", "checkpoint", url=url)
    return asyncio.run(costs(url, users, size))


def by_users(postgres: Server, counts: list[int], progress: Progress) -> dict[int, dict[str, Cost]]:
    url = postgres.database("users")
    seed(url, users=MEASURED_USERS, tasks=MEASURED_TASKS, number=_MEASURED)
    measured = [seed_user(number, _MEASURED) for number in range(MEASURED_USERS)]
    measured_costs = {}
    for number, (before, after) in enumerate(pairwise([MEASURED_USERS, *counts]), start=_OTHERS):
        progress(f"seeding up to {after} users", (after - before) * FEW / _TASKS_A_SECOND)
        seed(url, users=after - before, tasks=FEW, number=number)
        progress(f"measuring with {after} users", ROUNDS * ROUND_SECONDS * len(OPERATIONS))
        measured_costs[after] = measure(postgres, url, measured, MEASURED_TASKS)
    return measured_costs


def by_tasks(postgres: Server, sizes: list[int], progress: Progress) -> dict[int, dict[str, Cost]]:
    url = postgres.database("tasks")
    seed(url, users=1000, tasks=FEW, number=_OTHERS)
    progress("seeding users with many tasks", sum(sizes) / _TASKS_A_SECOND)
    for number, size in enumerate(sizes):
        seed(url, users=1, tasks=size, number=_MEASURED + number)
    measured_costs = {}
    for number, size in enumerate(sizes):
        progress(f"measuring a user with {size} tasks", ROUNDS * ROUND_SECONDS * len(OPERATIONS))
        measured_costs[size] = measure(postgres, url, [seed_user(0, _MEASURED + number)], size)
    return measured_costs


def seed_seconds(users: int) -> float:
    """Seconds of `todo-api seed` on a new embedded PostgreSQL, with 1000 tasks for each user."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        began = time.monotonic()
        subprocess.run(
            [PROGRAM, "seed", "--users", str(users), "--tasks", "1000"],
            cwd=home,
            env=environment | {"TODO_API_HOME": home},
            check=True,
            capture_output=True,
        )
        return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", default=USERS)
    parser.add_argument("--tasks", default=SIZES)
    parser.add_argument("--million", type=int, default=1000, help="users with 1000 tasks each to seed")
    options = parser.parse_args()
    users, sizes = ([int(each) for each in option.split(",")] for option in (options.users, options.tasks))
    seeded = users[-1] * FEW + sum(sizes) + options.million * 1000
    measured = (len(users) + len(sizes)) * len(OPERATIONS) * ROUNDS * ROUND_SECONDS
    progress = Progress(seeded / _TASKS_A_SECOND + measured)
    load = load_average()
    progress("todo-api seed", options.million * 1000 / _TASKS_A_SECOND)
    seconds = seed_seconds(options.million)
    with server(autovacuum="off") as postgres:
        where = machine(postgres.version)
        growth = Growth(
            where=where,
            load=load,
            by_users=by_users(postgres, users, progress),
            by_tasks=by_tasks(postgres, sizes, progress),
            seeded=options.million * 1000,
            seed_seconds=seconds,
        )
    progress.end()
    print(text(growth))
    if (options.users, options.tasks, options.million) == (USERS, SIZES, 1000):
        draw(growth)
        write_part("growth", text(growth))


if __name__ == "__main__":
    main()
