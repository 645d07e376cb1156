"""The queries that the service sends for itself, for readiness."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import asyncpg

from todo_api.db.connection import Connection
from todo_api.db.failures import LOST, UNSENT, refused
from todo_api.db.pool import Pool
from todo_api.db.readiness import DatabaseHealth
from todo_api.db.schema import Schema
from todo_api.db.time_limits import FIRST_TRY_SECONDS, REQUEST_SECONDS, TEST_SECONDS, now
from todo_api.unavailable import Unavailable

_PING: Final = "select exists (select from pg_extension where extname = 'citus')"


class Acquire(Protocol):
    """`CheckedPool.acquire`."""

    async def __call__(self, deadline: float, *, validate_after: float, retry_connect: bool) -> Connection: ...


class Probe:
    """The health of the database and the state of its schema, as queries of the service itself show them."""

    def __init__(self, pool: Pool, connect: Callable[[], Awaitable[Connection]], acquire: Acquire) -> None:
        self._pool = pool
        self._connect = connect
        self._acquire = acquire
        self.health = DatabaseHealth(self.ping)
        self.schema = Schema(self.once)
        self.is_cluster: bool | None = None
        """Whether the database has the extension Citus. None: the server has not answered yet."""

    async def begin(self) -> None:
        await self.health.begin()
        if self.is_cluster is None:
            with contextlib.suppress(Unavailable):
                await self.ping()
        await self.schema.begin()

    async def ping(self) -> None:
        self.is_cluster = await self.once(lambda connection, seconds: connection.fetchval(_PING, timeout=seconds))

    async def once[T](self, send: Callable[[Connection, float], Awaitable[T]]) -> T:
        """Returns the result of a query of our own, which `send` sends with a time-out in seconds, once.

        If all connections are in use, it opens one more and closes it: slow statements must not delay readiness.

        Raises:
            unavailable.Unavailable: the database did not answer.
            asyncpg.PostgresError: the database refused the query.
        """
        deadline = now() + REQUEST_SECONDS
        extra = self._pool.is_full
        try:
            if extra:
                async with asyncio.timeout_at(deadline):
                    connection = await self._connect()
            else:
                connection = await self._acquire(deadline, validate_after=math.inf, retry_connect=False)
        except (asyncpg.PostgresError, *LOST, *UNSENT) as error:
            self.health.failed(error)
            raise refused(error) from error
        try:
            result = await send(connection, min(FIRST_TRY_SECONDS, deadline - now()))
            if extra:
                await connection.close(timeout=TEST_SECONDS)
        except asyncpg.SyntaxOrAccessError:
            self.health.succeeded()
            raise
        except (asyncpg.PostgresError, *LOST, *UNSENT) as error:
            connection.terminate()
            self.health.failed(error)
            raise refused(error) from error
        except BaseException:
            connection.terminate()
            raise
        finally:
            if extra:
                connection.terminate()
            else:
                self._pool.release(connection)
        self.health.succeeded()
        return result
