"""Bytes of the log of changes per write, the tables and reads after many changes of one user, and an erasure.

    python -m benchmarks.growth.history [--changes 100000]

Through the repositories on one connection. Without options, writes its part of docs/performance.md. Five minutes.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from itertools import count, cycle
from typing import Any, Final, cast
from uuid import UUID

import asyncpg

from benchmarks.measure.postgres import server
from benchmarks.micro.listing import OneConnection
from tests.support.performance_page import load_average, machine, table, write_part
from todo_api.db.database import Database
from todo_api.db.functions import SCHEMA
from todo_api.db.session import UserSession
from todo_api.db.url import connect_arguments
from todo_api.features.account.repository import MOST_ROWS
from todo_api.features.history.repository import HistoryRepository
from todo_api.features.history.structs import HistoryQuery
from todo_api.features.tags.writes import TagWrites
from todo_api.features.tasks.repository import TaskRepository
from todo_api.features.tasks.structs import TaskCreate, TaskUpdate
from todo_api.features.trash.repository import TrashRepository
from todo_api.features.trash.structs import TrashQuery
from todo_api.features.undo.repository import UndoRepository

TASKS: Final = 1_000
CALLS: Final = 1_000
ROUNDS: Final = 5
INDEX_CALLS: Final = 2_000
ERASED_TASKS: Final = 10_000
_NEW: Final = TaskCreate(
    title="Buy milk and bread", description="Two litres", priority="High", tags=["home", "shopping"]
)
_SIZES: Final = """
    select relname, pg_relation_size(oid), pg_indexes_size(oid), reltuples::bigint from pg_class
    where relname in ('tasks', 'changes', 'heads', 'idempotency_keys') order by 1
"""
_FILL: Final = (
    f"insert into heads (user_id, revision, tasks) values ($1, {ERASED_TASKS}, {ERASED_TASKS})",
    "insert into tags (user_id, name, name_folded) select $1, i::text, i::text from generate_series(0, 49) i",
    f"""insert into tasks (user_id, id, title, priority, title_folded, description_folded, revision)
    select $1, gen_random_uuid(), 'Buy milk', 2, 'buy milk', '', i from generate_series(1, {ERASED_TASKS}) i""",
    """insert into task_tags (user_id, task_id, tag)
    select $1, id, ((revision + i) % 50)::text from tasks, generate_series(0, 1) i where user_id = $1""",
    """insert into changes (user_id, revision, at, task_id, op, version)
    select $1, revision, now(), id, 'create', 1 from tasks where user_id = $1""",
)
_WAL: Final = "`full_page_writes` is off, so the bytes of the write-ahead log are those of rows and indexes alone."
_ERASE: Final = f"select outcome from {SCHEMA}.erase_user($1, null, 7, $2)"
_OLD_INDEX: Final = "create index ix_changes_removed_task on changes (user_id, task_id) where op = 'remove'"
_NEW_INDEX: Final = "create index ix_changes_task on changes (user_id, task_id, revision)"


class Ann:
    def __init__(self, connection: asyncpg.Connection, me: str) -> None:
        session = UserSession(cast("Database", OneConnection(connection)), me)
        self.connection = connection
        self.tasks = TaskRepository(session)
        self.tags = TagWrites(session, (30, 30))
        self.trash = TrashRepository(session)
        self.undos = UndoRepository(session)
        self.history = HistoryRepository(session, 30)
        self.ids: list[UUID] = []
        self.each = cycle([UUID(int=0)])
        self.number = count()
        self.last = 0

    async def fill(self, tasks: int) -> None:
        self.ids = [(await self.tasks.create(_NEW)).task.id for _ in range(tasks)]
        self.each = cycle(self.ids)

    async def create(self) -> None:
        await self.tasks.create(_NEW)

    async def title(self) -> None:
        update = TaskUpdate(title=f"Buy milk and bread {next(self.number)}")
        self.last = cast("int", (await self.tasks.change(next(self.each), update)).change_id)

    async def retag(self) -> None:
        await self.tasks.change(next(self.each), TaskUpdate(tags=["home", f"tag {next(self.number) % 50}"]))

    async def toggle(self) -> None:
        await self.tasks.toggle(next(self.each))

    async def remove_and_restore(self) -> None:
        task_id = next(self.each)
        await self.tasks.remove(task_id)
        await self.trash.restore(task_id, None, None)

    async def change_and_undo(self) -> None:
        await self.title()
        await self.undos.undo(self.last, None)


WRITES: Final[dict[str, tuple[int, Callable[[Ann], Awaitable[Any]]]]] = {
    "create": (1, Ann.create),
    "change of the title": (1, Ann.title),
    "change of a tag": (1, Ann.retag),
    "toggle": (1, Ann.toggle),
    "deletion and restore": (2, Ann.remove_and_restore),
    "change of the title and undo": (2, Ann.change_and_undo),
}
"""With the number of entries in the log of each."""
READS: Final[dict[str, Callable[[Ann], Awaitable[Any]]]] = {
    "get": lambda ann: ann.tasks.get(next(ann.each)),
    "history, 50 changes": lambda ann: ann.history.page(next(ann.each), HistoryQuery()),
    "trash, 50 tasks": lambda ann: ann.trash.page(TrashQuery()),
    "change of the title": Ann.title,
    "undo of it": lambda ann: ann.undos.undo(ann.last, None),
}


async def bytes_per_write(ann: Ann) -> list[list[str]]:
    """For each kind of write: bytes of an entry, and of the write-ahead log, per write."""
    rows = []
    for name, (entries, write) in WRITES.items():
        before = await ann.connection.fetchrow("select pg_current_wal_insert_lsn() as lsn, max(revision) from changes")
        for _ in range(CALLS):
            await write(ann)
        entry = await ann.connection.fetchval(
            "select avg(pg_column_size(c)) from changes c where revision > $1", before["max"]
        )
        wal = await ann.connection.fetchval("select pg_current_wal_insert_lsn() - $1::pg_lsn", before["lsn"])
        rows.append([name, f"{entry:.0f}", f"{wal / CALLS / entries:.0f}"])
    return rows


async def milliseconds(ann: Ann) -> list[str]:
    figures = []
    for work in READS.values():
        times = []
        for _ in range(200):
            if work is READS["undo of it"]:
                await ann.title()
            began = time.perf_counter()
            await work(ann)
            times.append(time.perf_counter() - began)
        figures.append(f"{1e3 * statistics.median(times):.2f}")
    return figures


async def cost_of_index(ann: Ann) -> tuple[float, float, float]:
    """Bytes of the write-ahead log of a change with the index of the history, and with the partial index that it
    replaced. Then the time with the first, divided by that with the second."""
    times: dict[bool, list[float]] = {True: [], False: []}
    logged: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * ROUNDS):
        new = turn % 2 == 0
        await ann.connection.execute("drop index if exists ix_changes_task, ix_changes_removed_task")
        await ann.connection.execute(_NEW_INDEX if new else _OLD_INDEX)
        before = await ann.connection.fetchval("select pg_current_wal_insert_lsn()")
        began = time.perf_counter()
        for _ in range(INDEX_CALLS):
            await ann.title()
        times[new].append(time.perf_counter() - began)
        wal = await ann.connection.fetchval("select pg_current_wal_insert_lsn() - $1::pg_lsn", before)
        logged[new].append(float(wal) / INDEX_CALLS)
    await ann.connection.execute("drop index if exists ix_changes_task, ix_changes_removed_task")
    await ann.connection.execute(_NEW_INDEX)
    ratio = statistics.median(times[True]) / statistics.median(times[False])
    return statistics.median(logged[True]), statistics.median(logged[False]), ratio


async def erasures(connection: asyncpg.Connection) -> str:
    """Times of one call that erases `ERASED_TASKS` tasks, with 2 links and 1 change each."""
    seconds = []
    for turn in range(ROUNDS):
        me = f"erased {turn}"
        for statement in _FILL:
            await connection.execute(statement, me)
        began = time.perf_counter()
        outcome = await connection.fetchval(_ERASE, me, MOST_ROWS + 1)
        seconds.append(time.perf_counter() - began)
        if outcome != "erased":
            raise RuntimeError(outcome)
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f})"


async def measure(url: str, version: str, changes: int) -> str:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        ann = Ann(connection, "ann")
        await ann.fill(TASKS)
        few = await milliseconds(ann)
        per_write = await bytes_per_write(ann)
        for _ in range(64):
            await ann.tasks.remove(ann.ids.pop())
        ann.each = cycle(ann.ids)
        while await connection.fetchval("select count(*) from changes") < changes:
            for _ in range(1_000):
                await ann.title()
                await ann.toggle()
                await ann.retag()
        many = await milliseconds(ann)
        await connection.execute("vacuum analyze")
        sizes = [
            [name, f"{rows:,}", f"{heap / 2**20:.1f}", f"{indexes / 2**20:.1f}"]
            for name, heap, indexes, rows in await connection.fetch(_SIZES)
        ]
        index = await connection.fetchval("select pg_relation_size('ix_changes_task') / 1048576.0")
        new, old, ratio = await cost_of_index(ann)
        erasure = await erasures(connection)
    finally:
        await connection.close()
    of_index = (
        f"The index of the history, `ix_changes_task`, has {index:.1f} MiB of these. With it a change of the title "
        f"leaves {new:,.0f} bytes in the write-ahead log, and {old:,.0f} with the partial index that it replaced; it "
        f"takes {ratio:.2f} times as long."
    )
    of_erasure = (
        f"`erase_user` for {ERASED_TASKS:,} tasks with 2 tags each and {ERASED_TASKS:,} changes, in one call: "
        f"{erasure}, the median (least–most) of {ROUNDS}. The limit of a statement is 4 s."
    )
    return "\n\n".join(
        (
            f"{machine(version)}. Load before: {load_average()}. {_WAL}",
            table(("write", "bytes of its entry", "bytes of write-ahead log per entry"), per_write),
            f"One user with {TASKS:,} tasks, after {changes:,} changes in the log:",
            table(("table", "rows", "MiB", "MiB of indexes"), sizes),
            f"Milliseconds of a call with few changes, and with {changes:,}:",
            table(("call", "few", "many"), [list(row) for row in zip(READS, few, many, strict=True)]),
            of_index,
            of_erasure,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=100_000)
    options = parser.parse_args()
    with server(autovacuum="off", synchronous_commit="off", full_page_writes="off") as postgres:
        text = asyncio.run(measure(postgres.database("history"), postgres.version, options.changes))
    print(text)
    if options.changes == parser.get_default("changes"):
        write_part("history", text)


if __name__ == "__main__":
    main()
