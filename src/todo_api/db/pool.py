"""The connections of one worker: made when they are needed, lent, kept for a while.

asyncpg's own pool makes a task, a stand-in and two timers for each statement: 10 of the 27 µs of CPU time that a small
one costs (docs/decisions/0080-cpu-time-per-request.md).
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
    """All connections were lent until it was too late."""


class Pool:
    """Who used a connection last is followed by whoever waits longest; else it is kept, and taken again first."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self.size = size
        self.made = 0
        """Connections that are kept or lent."""
        self._connect = connect
        self._places = 0
        """As many, and those that are being made or are just about to be."""
        self._idle: deque[Connection] = deque()
        """The one used last on the right."""
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        """Each is given a connection, or None: a place in which to make one."""
        self._closing = False

    @property
    def idle(self) -> int:
        return len(self._idle)

    async def acquire(self, deadline: float) -> Connection:
        """A connection, to be given back by `release`. It may have ended while it was kept.

        Raises:
            PoolExhausted: none was free by `deadline`, in the loop's time.
            TimeoutError: none could be made by then.
            asyncpg.PostgresError, asyncpg.InterfaceError, OSError: none can be made.
        """
        if self._idle:
            return self._idle.pop()
        waited = self._places >= self.size
        if waited:
            connection = await self._wait(deadline)
            if connection is not None:
                return connection
        else:
            self._places += 1
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
            # It may have been given something in the moment in which it gave up.
            if waiter.done() and not waiter.cancelled():
                given = waiter.result()
                if given is None:
                    self._pass_on(None)
                else:
                    self.release(given)
            if self.made and isinstance(error, TimeoutError):
                raise PoolExhausted from error
            raise

    def release(self, connection: Connection) -> None:
        """One that has ended leaves its place to another."""
        if self._closing:
            connection.terminate()
        if connection.is_closed():
            self._ended()
        elif self._waiting:
            self._pass_on(connection)
        else:
            self._idle.append(connection)

    def discard(self, connection: Connection) -> None:
        """For one that ended by itself."""
        if connection in self._idle:
            self._idle.remove(connection)
            self._ended()

    def close_idle(self, seconds: float) -> None:
        """Ends what nobody has used for `seconds`."""
        while self._idle and self._idle[0].idle_seconds() > seconds:
            self._idle.popleft().terminate()
            self._ended()

    async def close(self, seconds: float) -> None:
        """What is lent is ended when it comes back."""
        self._closing = True
        kept, self._idle = list(self._idle), deque()
        await asyncio.gather(*(self._close_one(connection, seconds) for connection in kept))

    async def _close_one(self, connection: Connection, seconds: float) -> None:
        try:
            await connection.close(timeout=seconds)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            _LOG.info("database: a connection was cut off, since closing it failed: %s", type(error).__name__)
        finally:
            self._ended()

    def _ended(self) -> None:
        self.made -= 1
        self._pass_on(None)

    def _pass_on(self, connection: Connection | None) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._places -= 1
        else:
            self._idle.append(connection)
