"""A connection pool that opens connections when they are needed and keeps them for the next statement.

It is used instead of `asyncpg.Pool`, which creates a task, a proxy and a timer for each statement. The measured
difference is in docs/decisions/0104-own-pool-measured.md.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from todo_api.db.connection import Connection

_LOG: Final = logging.getLogger(__name__)


class PoolExhausted(TimeoutError):
    """All connections were in use until the deadline."""


class Pool:
    """A released connection goes to the longest-waiting caller. If nobody waits, it is kept and reused first (LIFO)."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self.size = size
        self.made = 0
        """Open connections, idle or in use."""
        self._connect = connect
        self._slots = 0
        """Open connections plus those being opened. At most `size`."""
        self._idle: deque[Connection] = deque()
        """The most recently used connection is on the right."""
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        """The result is a connection, or None: the caller may open one."""
        self._closing = False

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def is_full(self) -> bool:
        """All connections are in use, and no other may be opened."""
        return not self._idle and self._slots >= self.size

    async def acquire(self, deadline: float) -> Connection:
        """Returns a connection, which the caller gives back with `release`. The server may have closed it meanwhile.

        Raises:
            PoolExhausted: all connections were in use until `deadline`, in the loop's time.
            TimeoutError: no connection could be opened before `deadline`.
            asyncpg.PostgresError, asyncpg.InterfaceError, OSError: opening a connection failed.
        """
        if self._idle:
            return self._idle.pop()
        waited = self._slots >= self.size
        if waited:
            connection = await self._wait(deadline)
            if connection is not None:
                return connection
        else:
            self._slots += 1
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._connect()
        except BaseException as error:
            self._pass_on(None)
            if waited and self.made and isinstance(error, TimeoutError):
                raise PoolExhausted from error
            raise
        self.made += 1
        return connection

    async def _wait(self, deadline: float) -> Connection | None:
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter
        except BaseException as error:
            # The result may have been set at the same moment as the deadline passed or the task was cancelled.
            if waiter.done() and not waiter.cancelled():
                connection = waiter.result()
                if connection is None:
                    self._pass_on(None)
                else:
                    self.release(connection)
            if self.made and isinstance(error, TimeoutError):
                raise PoolExhausted from error
            raise

    def release(self, connection: Connection) -> None:
        """A closed connection makes room for another."""
        if self._closing:
            connection.terminate()
        if connection.is_closed():
            self._forget()
        elif self._waiting:
            self._pass_on(connection)
        else:
            self._idle.append(connection)

    def discard(self, connection: Connection) -> None:
        """Forgets an idle connection that was closed, for example by the server."""
        if connection in self._idle:
            self._idle.remove(connection)
            self._forget()

    def close_idle(self, seconds: float) -> None:
        """Closes the connections that were idle for more than `seconds`."""
        while self._idle and self._idle[0].idle_seconds() > seconds:
            self._idle.popleft().terminate()
            self._forget()

    async def close(self, seconds: float) -> None:
        """Closes idle connections now, and the others when they are released."""
        self._closing = True
        idle, self._idle = list(self._idle), deque()
        await asyncio.gather(*(self._close_one(connection, seconds) for connection in idle))

    async def _close_one(self, connection: Connection, seconds: float) -> None:
        try:
            await connection.close(timeout=seconds)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            _LOG.info("database: closing a connection failed, so it was aborted: %s", type(error).__name__)
        finally:
            self._forget()

    def _forget(self) -> None:
        self.made -= 1
        self._pass_on(None)

    def _pass_on(self, connection: Connection | None) -> None:
        """Gives a connection, or the slot for a new one, to the longest-waiting caller."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._slots -= 1
        else:
            self._idle.append(connection)
