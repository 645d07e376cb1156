"""Measures lists, searches and tag counts of users with few and with many tasks: writes docs/listing.md.

    python -m benchmarks.micro.listing

It runs on its own embedded PostgreSQL, with two hundred other users, on Linux, and takes some minutes. Wall times are
those of the repositories (statement, driver and Structs) in the best of several rounds. CPU time is that of the
database process: compare by it on a machine with other work.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import asyncpg

from benchmarks.micro.listing_data import NEIGHBOURS, SIZES, TAGS, seed
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.db.database import Database
from todo_api.db.migrations import upgrade
from todo_api.db.session import UserSession
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments
from todo_api.features.tags.repository import TagRepository
from todo_api.features.tags.structs import TagQuery
from todo_api.features.tasks.list_parameters import TaskQuery
from todo_api.features.tasks.list_repository import TaskList
from todo_api.features.tasks.repository import TaskRepository
from todo_api.features.tasks.structs import TaskCreate, TaskUpdate

ROUNDS, PER_ROUND = 5, 20
WRITES = 1500
PAGE = "docs/listing.md"
SORT_INDEXES = ("ix_tasks_updated_at", "ix_tasks_title", "ix_tasks_due_date", "ix_tasks_priority")

Call = Callable[[], Awaitable[Any]]


def cpu_of(connection: asyncpg.Connection) -> Callable[[], float]:
    """A clock of the milliseconds that the connection's process was on a CPU (proc(5), schedstat)."""
    file = Path(f"/proc/{connection.get_server_pid()}/schedstat")
    return lambda: int(file.read_text().split()[0]) / 1e6


class OneConnection:
    """Takes the place of the pool, and keeps the last statement with its arguments."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.revisions = SimpleNamespace(raised=lambda *_: None)
        self.sql = ""
        self.arguments: list[Any] = []

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[asyncpg.Record]:
        self.sql, self.arguments = statement.sql, [values[name] for name in statement.names]
        rows: list[asyncpg.Record] = await self.connection.fetch(self.sql, *self.arguments)
        return rows

    async def rows_read(self) -> tuple[int, int]:
        """The rows that the scans of the last statement read, and its buffers."""
        explained = await self.connection.fetchval(
            f"explain (analyze, buffers, timing off, format json) {self.sql}", *self.arguments
        )
        plan = json.loads(explained)[0]["Plan"]
        looked_at = sum(
            node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            for node in nodes(plan)
            if "Relation Name" in node
        )
        return round(looked_at), plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


async def timed(call: Call, cpu: Callable[[], float]) -> tuple[float, float, float]:
    """p50 and p95 in milliseconds, and CPU time, of the best round."""
    rounds = []
    for _ in range(ROUNDS):
        took = []
        used = cpu()
        for _ in range(PER_ROUND):
            began = time.perf_counter()
            await call()
            took.append((time.perf_counter() - began) * 1000)
        used = (cpu() - used) / PER_ROUND
        rounds.append((statistics.median(took), sorted(took)[int(len(took) * 0.95)], used))
    p50, p95, _ = min(rounds)
    return p50, p95, min(used for *_, used in rounds)


async def calls(lists: TaskList, tags: TagRepository, size: int) -> dict[str, Call]:
    def page(**query: Any) -> Call:
        return lambda: lists.page(TaskQuery(**query))

    far = min(1000, size // 50)
    made = {"first page, with total": page(), "first page, without": page(with_total=False)}
    for sort in ("created_at", "title", "due_date"):
        before, _ = await lists.page(TaskQuery(sort_by=sort, offset=(far - 2) * 50, with_total=False))
        assert before is not None
        assert before.next_cursor is not None
        made |= {
            f"page 1 by {sort}": page(sort_by=sort, with_total=False),
            f"page {far} by {sort}, cursor": page(sort_by=sort, cursor=before.next_cursor),
        }
    return made | {
        f"page {far}, offset": page(offset=(far - 1) * 50),
        "search hit (grocery)": page(search="grocery"),
        "search hit, without total": page(search="grocery", with_total=False),
        "search, three words": page(search="grocery milk marathon"),
        "search miss": page(search="nowhere"),
        "search miss, without total": page(search="nowhere", with_total=False),
        "tag filter": page(tags=["tag07"]),
        "tag filter, without total": page(tags=["tag07"], with_total=False),
        "all of two tags": page(tags=["tag07", "tag08"], tags_match="all"),
        "pending": page(status="pending"),
        "due in a week": page(due_from=date(2026, 6, 1), due_to=date(2026, 6, 7), sort_by="due_date"),
        "tag counts": lambda: tags.used(TagQuery()),
        "tags by prefix": lambda: tags.used(TagQuery(search="TAG0")),
    }


async def lists_table(connection: asyncpg.Connection) -> list[str]:
    lines = ["| query | tasks | p50 ms | p95 ms | CPU ms | rows read | buffers |", "|---|--:|--:|--:|--:|--:|--:|"]
    cpu = cpu_of(connection)
    for size in SIZES:
        through = OneConnection(connection)
        session = UserSession(cast("Database", through), f"user{size}")
        for name, call in (await calls(TaskList(session), TagRepository(session), size)).items():
            p50, p95, used = await timed(call, cpu)
            looked_at, buffers = await through.rows_read()
            lines.append(f"| {name} | {size:,} | {p50:.2f} | {p95:.2f} | {used:.2f} | {looked_at:,} | {buffers:,} |")
            print(lines[-1], flush=True)
    return lines


async def writes(connection: asyncpg.Connection) -> str:
    """CPU time and WAL of creating and of completing a task."""
    repository = TaskRepository(UserSession(cast("Database", OneConnection(connection)), "neighbour7"))
    task = TaskCreate(title="Buy milk and bread for the week", description="The fresh one " * 8, tags=TAGS[:2])
    ids: list[UUID] = []
    cpu = cpu_of(connection)

    async def create() -> None:
        ids.append((await repository.create(task)).task.id)

    async def complete() -> None:
        await repository.change(ids.pop(), TaskUpdate(completed=True))

    cells = []
    for call in (create, complete):
        rounds = []
        log = await connection.fetchval("select pg_current_wal_insert_lsn()::text")
        for _ in range(ROUNDS):
            used = cpu()
            for _ in range(WRITES // ROUNDS):
                await call()
            rounds.append((cpu() - used) / (WRITES // ROUNDS))
        written = await connection.fetchval(
            "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::text::pg_lsn)", log
        )
        cells.append(f"{min(rounds):.3f} | {written / WRITES:,.0f}")
    return " | ".join(cells)


async def writes_table(connection: asyncpg.Connection) -> list[str]:
    head = "| indexes | create, CPU ms | create, WAL bytes | complete, CPU ms | complete, WAL bytes |"
    lines = [head, "|---|--:|--:|--:|--:|"]
    # After a checkpoint whole pages go to the WAL: at a random time, and more than the difference to measure.
    await connection.execute("alter system set full_page_writes = off")
    await connection.execute("select pg_reload_conf()")
    await writes(connection)
    lines.append(f"| one for each sort | {await writes(connection)} |")
    await connection.execute(f"drop index {', '.join(SORT_INDEXES)}")
    lines.append(f"| `created_at` only | {await writes(connection)} |")
    print("\n".join(lines), flush=True)
    return lines


HEAD = """# The cost of lists

`python -m benchmarks.micro.listing` wrote this page; it is run by hand. PostgreSQL 18 (embedded) without parallel
workers, one connection, two cores shared with other work. So compare CPU time, which is that of the database process.
Each user has two of a hundred tags on each task and a description on every other task. {neighbours} other users have
200 tasks each. Pages have 50 tasks, newest first if no sort is named. "Rows read" counts the rows that all scans of the
statement looked at. Load average at the end of the run: {load:.0f}. If it is above the number of cores, wall times
include waiting for a core.
"""
WRITES_HEAD = """
## The cost of indexes for writes

A task with two tags and a description of 112 characters, one client.
"""


async def measure(url: str) -> str:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        await seed(connection)
        await connection.execute("set max_parallel_workers_per_gather = 0")
        lists = await lists_table(connection)
        head = HEAD.format(neighbours=NEIGHBOURS, load=os.getloadavg()[0])
        return "\n".join([head, *lists, WRITES_HEAD, *await writes_table(connection)]) + "\n"
    finally:
        await connection.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="todo-api-") as home:
        Path(home).chmod(0o755)
        with embedded_postgres(Path(home), {"fsync": "off"}) as url:
            upgrade(url)
            text = asyncio.run(measure(url))
    Path(__file__).parents[2].joinpath(PAGE).write_text(text)


if __name__ == "__main__":
    main()
