"""The own connection pool against asyncpg's: CPU time of the client process, `python -m benchmarks.micro.pools`.

Both pools hold connections to the same embedded PostgreSQL and take turns within each round, so a ratio compares
neighbours in time. A whole `get` goes through the ASGI app of `create_app`, without the HTTP server. The event loop is
uvloop, as in production. The run takes one to five minutes.

asyncpg's pool runs as cheaply as it can: no reset query, no timer for idle connections. `with a time limit` passes
`timeout` to `acquire`, as a deadline needs. `without` passes none: a lower bound that the service could not use.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from time import monotonic, process_time
from typing import Any, Final
from uuid import UUID

import asyncpg
import uvloop
from litestar import Litestar

from tests.support.client import token_for
from tests.support.service import SECRET
from todo_api.app import create_app
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.config.settings import load_settings
from todo_api.db.connection import Connection
from todo_api.db.database import Database
from todo_api.db.migrations import upgrade
from todo_api.db.pool import Pool
from todo_api.db.session import UserSession
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments
from todo_api.features.tasks import reads
from todo_api.features.tasks.repository import TaskRepository
from todo_api.features.tasks.structs import TaskCreate
from todo_api.observability import logs

ROUNDS: Final = 25
REQUESTS: Final = 600
"""Of each variant in each round."""
MOST_SECONDS: Final = 70
"""For one table: on a busy machine it has fewer rounds."""
SIZE: Final = 15
ME: Final = "ann"
OWN, LIMITED, UNLIMITED = "own pool", "asyncpg.Pool, with a time limit", "asyncpg.Pool, without"
SECONDS: Final = 4.4

Call = Callable[[], Awaitable[Any]]


class NeverReset(Connection):
    """Released without a reset query."""

    def get_reset_query(self) -> str:
        return ""


class LibraryPool:
    """asyncpg's pool under the names that `CheckedPool` calls, and with the connection itself in the proxy's place."""

    def __init__(self, pool: asyncpg.Pool, *, limited: bool) -> None:
        self._pool = pool
        self._limited = limited

    async def acquire(self, deadline: float) -> Connection:
        seconds = deadline - asyncio.get_running_loop().time() if self._limited else None
        proxy = await self._pool.acquire(timeout=seconds)
        connection: Connection = proxy._con
        return connection

    async def release(self, connection: Connection) -> None:
        await self._pool.release(connection._proxy)

    async def close(self, _: float) -> None:
        await self._pool.close()


class LibraryDatabase(Database):
    """`Database._fetch` where giving a connection back has to be awaited; all else is the same."""

    def __init__(self, url: str, pool: LibraryPool) -> None:
        super().__init__(url, pool_size=SIZE, max_overflow=0)
        self._library = pool
        self._connections.pool = pool  # type: ignore[assignment]  # it has what a fetch calls

    async def _fetch(
        self, statement: Statement, values: Mapping[str, Any], deadline: float, *, first: bool
    ) -> list[asyncpg.Record]:
        connection = await self._connections.acquire(deadline - 0.2, validate_after=1e9, skip_check_within=1.0)
        limit = deadline - asyncio.get_running_loop().time()
        arguments = [values[name] for name in statement.names]
        rows: list[asyncpg.Record] = await connection.fetch(
            statement.sql, *arguments, timeout=min(limit, 2.0) if first else limit
        )
        connection.succeeded()
        self._connections.health.succeeded()
        await self._library.release(connection)
        return rows


async def library_pool(url: str, *, limited: bool) -> LibraryPool:
    pool = await asyncpg.create_pool(
        **connect_arguments(url),
        min_size=0,
        max_size=SIZE,
        max_inactive_connection_lifetime=0,
        connection_class=NeverReset,
    )
    return LibraryPool(pool, limited=limited)


async def microseconds(call: Call, at_once: int) -> float:
    async def several() -> None:
        for _ in range(REQUESTS // at_once):
            await call()

    began = process_time()
    await asyncio.gather(*(several() for _ in range(at_once)))
    return (process_time() - began) / (REQUESTS // at_once * at_once) * 1e6


async def compare(what: str, variants: dict[str, Call], at_once: int) -> None:
    """Prints, for each variant, µs a call and the share of it that the first variant saves."""
    took: dict[str, list[float]] = {name: [] for name in variants}
    end = monotonic() + MOST_SECONDS
    for turn in range(ROUNDS + 2):
        if monotonic() > end:
            break
        for name in list(variants)[:: 1 if turn % 2 else -1]:
            microseconds_each = await microseconds(variants[name], at_once)
            if turn >= 2:
                took[name].append(microseconds_each)
    print(f"\n{what}, {at_once} at once; medians of {len(took[OWN])} rounds (range)")
    print(f"{'':34}{'CPU µs':>20}{'own pool saves µs':>26}{'own pool saves %':>24}")
    (_, own), *_ = took.items()
    for name, each in took.items():
        saved = [theirs - ours for theirs, ours in zip(each, own, strict=True)]
        share = [difference / theirs * 100 for difference, theirs in zip(saved, each, strict=True)]
        cells = "".join(f"{spread(values):>25}" for values in (saved, share)) if name != OWN else ""
        print(f"{name:34}{spread(each):>20}{cells}", flush=True)


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


async def one_statement(url: str, task_id: UUID) -> None:
    sql, names = reads.GET.sql, reads.GET.names
    arguments = [{"me": ME, "id": task_id}[name] for name in names]
    connect = partial(asyncpg.connect, **connect_arguments(url), connection_class=Connection)
    pool = Pool(connect, SIZE)
    libraries = {name: await library_pool(url, limited=name == LIMITED) for name in (LIMITED, UNLIMITED)}
    loop = asyncio.get_running_loop()

    async def own() -> None:
        connection = await pool.acquire(loop.time() + SECONDS)
        assert len(await connection.fetch(sql, *arguments, timeout=SECONDS)) == 1
        pool.release(connection)

    async def library(through: LibraryPool) -> None:
        connection = await through.acquire(loop.time() + SECONDS)
        assert len(await connection.fetch(sql, *arguments, timeout=SECONDS)) == 1
        await through.release(connection)

    async def own_alone() -> None:
        pool.release(await pool.acquire(loop.time() + SECONDS))

    async def library_alone(through: LibraryPool) -> None:
        await through.release(await through.acquire(loop.time() + SECONDS))

    alone = {name: partial(library_alone, each) for name, each in libraries.items()}
    await compare("acquire and release, no statement", {OWN: own_alone, **alone}, 1)
    through = {name: partial(library, each) for name, each in libraries.items()}
    await compare("one statement by key", {OWN: own, **through}, 1)
    await compare("one statement by key", {OWN: own, **through}, SIZE)
    for each in (pool, *libraries.values()):
        await each.close(1)


def getting(app: Litestar, task_id: UUID) -> Call:
    """One `get` through the app, as the server would hand it over."""
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token_for(ME)}".encode())]
    path = f"/api/{ME}/tasks/{task_id}"

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message

    async def get() -> None:
        scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "method": "GET", "scheme": "http"}
        scope |= {"path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": headers}
        scope |= {"asgi": {"version": "3.0"}, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {}}
        await app(scope, receive, send)  # type: ignore[arg-type]  # as loosely typed as a server's

    return get


async def whole_get(url: str, task_id: UUID) -> None:
    environment = {"DATABASE_URL": url, "BETTER_AUTH_SECRET": SECRET, "LOG_LEVEL": "WARNING", "RATE_LIMIT": "off"}
    settings = load_settings(environment | {"DB_POOL_SIZE": str(SIZE), "DB_MAX_OVERFLOW": "0"}, Path())
    logs.configure(settings)
    app = create_app(settings)
    async with app.lifespan():
        own = app.state.database
        databases = {OWN: own}
        for name in (LIMITED, UNLIMITED):
            databases[name] = LibraryDatabase(url, await library_pool(url, limited=name == LIMITED))
        get = getting(app, task_id)

        async def through(database: Database) -> None:
            app.state.database = database
            await get()

        calls = {name: partial(through, database) for name, database in databases.items()}
        await compare("a whole get, app without server", calls, 1)
        await compare("a whole get, app without server", calls, SIZE)
        app.state.database = own
        for name in (LIMITED, UNLIMITED):
            await databases[name].close()


async def measure(url: str) -> None:
    database = Database(url, pool_size=1, max_overflow=0)
    await database.open()
    task_id = (await TaskRepository(UserSession(database, ME)).create(TaskCreate(title="Buy milk"))).task.id
    await database.close()
    await one_statement(url, task_id)
    await whole_get(url, task_id)


def main() -> None:
    print(f"Python {sys.version.split()[0]}, asyncpg {asyncpg.__version__}, uvloop {uvloop.__version__}")
    with tempfile.TemporaryDirectory(prefix="todo-api-") as home:
        Path(home).chmod(0o755)
        with embedded_postgres(Path(home), {"fsync": "off"}) as url:
            upgrade(url)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(asyncio.wait_for(measure(url), 330))


if __name__ == "__main__":
    main()
