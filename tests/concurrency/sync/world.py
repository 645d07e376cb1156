"""Two replicas of the service in this process, a real PostgreSQL, and connections that fail."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from litestar import Litestar

from tests.concurrency.sync.asgi import Answer, request
from tests.support.service import environment
from todo_api.app import create_app
from todo_api.config.settings import load_settings
from todo_api.db.url import connect_arguments

_REPLICAS = 2
_BACKENDS = "select pid from pg_stat_activity where application_name = $1"
_RUNNING = "select exists(select from pg_stat_activity where pid = any($1::int[]))"
_KILL = "select pg_terminate_backend(pid) from pg_stat_activity where pid = any($1::int[])"
_OF_COORDINATOR = """
    from pg_stat_activity
    where application_name like 'citus_internal gpid=%' and right(application_name, 10)::bigint = any($1::int[])
"""
_KILL_ON_NODE = f"select pg_terminate_backend(pid) {_OF_COORDINATOR}"
_ON_NODE = f"select exists(select {_OF_COORDINATOR})"
"""The last ten digits of a gpid are the process on the coordinator."""


class World:
    def __init__(
        self, apps: list[Litestar], admin: asyncpg.Connection, nodes: list[asyncpg.Connection], name: str
    ) -> None:
        self.apps = apps
        self.admin = admin
        self.nodes = nodes
        """Of a cluster: connections to its worker nodes."""
        self.name = name
        """The application_name of the replicas' connections."""
        self.columns: dict[str, str] = {}
        self._cut: set[int] = set()
        """Processes of PostgreSQL whose connections were cut."""
        self.failed = False
        self.schedules = 0
        self.counts: Counter[str] = Counter()
        """Answers by method and status, disasters, entries of the log, and complete copies."""

    async def send(self, replica: int, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        return await request(self.apps[replica % len(self.apps)], method, path, headers, body)

    async def kill(self) -> None:
        """Ends the backends of the replicas' connections, or those that work for them on a node of the cluster."""
        pids = [row["pid"] for row in await self.admin.fetch(_BACKENDS, self.name)]
        if self.nodes and random.random() < 0.5:
            await random.choice(self.nodes).execute(_KILL_ON_NODE, pids)
        else:
            await self.admin.execute(_KILL, pids)

    def cut(self) -> None:
        """The replicas lose the connections that are in use: statements run, and nobody gets their answers."""
        for app in self.apps:
            for connection in app.state.connections:
                self._cut.add(connection.get_server_pid())
                connection._transport.abort()

    async def quiet(self) -> None:
        """Ends the statements of connections that were cut. One may not have begun yet."""
        cut, self._cut = [*self._cut], set()
        nodes = [(node, _KILL_ON_NODE, _ON_NODE) for node in self.nodes]
        for connection, kill, running in [(self.admin, _KILL, _RUNNING), *nodes] if cut else []:
            await connection.execute(kill, cut)
            while await connection.fetchval(running, cut):  # noqa: ASYNC110 - PostgreSQL sets no event
                await asyncio.sleep(0.001)


@asynccontextmanager
async def world(database_url: str, *nodes: str) -> AsyncIterator[World]:
    """`nodes`: the URLs of a cluster's worker nodes."""
    name = f"sync-{random.randrange(10**9)}"
    url = f"{database_url}{'&' if '?' in database_url else '?'}application_name={name}"
    settings = load_settings(environment(DATABASE_URL=url), Path("/nowhere"))
    apps = [create_app(settings) for _ in range(_REPLICAS)]
    admin, *others = [await asyncpg.connect(**connect_arguments(each)) for each in (database_url, *nodes)]
    try:
        async with apps[0].lifespan(), apps[1].lifespan():
            for app in apps:
                _track(app)
            yield World(apps, admin, others, name)
    finally:
        for connection in (admin, *others):
            await connection.close()


def _track(app: Litestar) -> None:
    """Keeps the connections that are in use in `app.state.connections`."""
    pool = app.state.database._connections
    app.state.connections = in_use = set()
    acquire, succeeded, failed = pool.acquire, pool.succeeded, pool.failed

    async def acquire_tracked(*arguments: Any, **options: Any) -> Any:
        connection = await acquire(*arguments, **options)
        in_use.add(connection)
        return connection

    def succeeded_tracked(connection: Any) -> None:
        in_use.discard(connection)
        succeeded(connection)

    def failed_tracked(connection: Any, *arguments: Any, **options: Any) -> None:
        in_use.discard(connection)
        failed(connection, *arguments, **options)

    pool.acquire, pool.succeeded, pool.failed = acquire_tracked, succeeded_tracked, failed_tracked
