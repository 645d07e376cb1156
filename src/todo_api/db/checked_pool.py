"""The connection pool of one worker. It tests idle connections before use and closes broken ones."""

import asyncio
import logging
import math
import ssl
from collections.abc import Coroutine
from typing import Any, Final

import asyncpg

from todo_api.db.connection import Connection
from todo_api.db.pool import Pool, PoolExhausted
from todo_api.db.readiness import DatabaseHealth
from todo_api.db.url import connect_arguments, is_pooler
from todo_api.errors import Busy, DatabaseTooSlow, DatabaseUnavailable, OutcomeUnknown, Unavailable, from_database

REQUEST_SECONDS: Final = 4.6
"""For a statement: waiting for a connection, the statement, and its repetition."""
FIRST_TRY_SECONDS: Final = 2.0
"""For a statement that may be repeated: a connection whose other end is silently gone answers nothing at all."""
_STATEMENT_SECONDS: Final = 4.0
"""PostgreSQL's own limit, below ours, so that a write that was too slow is known not to have happened."""
_IDLE_SECONDS: Final = 240
"""Below the five minutes after which Neon suspends, and with it cuts, what is idle."""
_SWEEP_SECONDS: Final = 20
_ASK_SECONDS: Final = 1.0
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds between tries to connect; the last one repeats."""
LOST: Final = (asyncpg.PostgresConnectionError, OSError)
"""The connection, not the statement, failed; the server may have done what it was told. A time-out is an OSError."""
UNSENT: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""The driver found the connection closed, or with the server's last words in it, and sent nothing."""
_PERMANENT_ERRORS: Final = ("28", "3D", "42", "08P01")
"""SQLSTATEs that no second try to connect will mend: password, database, start-up parameters."""
_LOG: Final = logging.getLogger(__name__)


class CheckedPool:
    def __init__(self, url: str, size: int) -> None:
        arguments = connect_arguments(url)
        if not is_pooler(url):
            # A pooler refuses these; there `alter role` sets them (docs/reliability.md).
            limit = str(int(_STATEMENT_SECONDS * 1000))
            arguments["server_settings"] |= {"statement_timeout": limit, "idle_in_transaction_session_timeout": limit}
        self._arguments = arguments
        self.pool = Pool(self._connect, size)
        self._background: set[asyncio.Task[None]] = set()
        self.health = DatabaseHealth(self._ping)

    def open(self) -> None:
        self._later(self.health.begin())
        self._later(self._sweep())

    async def close(self) -> None:
        await self.pool.close(FIRST_TRY_SECONDS)
        while self._background:
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)

    async def acquire(
        self, deadline: float, *, validate_after: float, skip_check_within: float = 0.0, retry_connect: bool = True
    ) -> Connection:
        """Returns a usable connection.

        A connection that was idle for `validate_after` seconds or longer gets a test query first. A connection that was
        idle for less than `skip_check_within` seconds does not even have its socket checked.
        """
        while True:
            connection = await self._acquire(deadline, retry_connect=retry_connect)
            quiet = connection.idle_seconds()
            if quiet < skip_check_within and not connection.is_closed():
                return connection
            if not connection.is_gone():
                if quiet < validate_after:
                    return connection
                try:
                    await connection.execute("select", timeout=min(_ASK_SECONDS, deadline - now()))
                except (asyncpg.PostgresError, *LOST, *UNSENT) as error:
                    _LOG.info("database: a quiet connection no longer answers: %s", type(error).__name__)
                    # Nor will those that were quiet for longer.
                    self.pool.close_idle(validate_after)
                except BaseException:
                    self._end(connection)
                    raise
                else:
                    return connection
            self._end(connection)

    def succeeded(self, connection: Connection) -> None:
        """The statement was answered."""
        connection.succeeded()
        self.health.succeeded()
        self.pool.release(connection)

    def failed(self, connection: Connection, error: BaseException, *, first: bool = False) -> None:
        """The statement was refused by the server, or given up, or the connection was lost. `first`: as in `_fetch`."""
        if isinstance(error, (*LOST, *UNSENT)):
            if first:
                self.health.mark_unknown()
            else:
                self.health.failed(error)
        if connection.is_closed():
            self.pool.release(connection)
        elif isinstance(error, (TimeoutError, asyncio.CancelledError)):
            # The driver tells the server to give up; the request does not wait for that.
            self._later(self._settle(connection)).add_done_callback(lambda _: self.pool.release(connection))
        elif isinstance(error, asyncpg.PostgresError) and not isinstance(error, LOST):
            connection.succeeded()
            self.pool.release(connection)
        else:
            self._end(connection)

    async def _settle(self, connection: Connection) -> None:
        """The driver holds the next statement back until the cancelled one has ended."""
        try:
            await connection.execute("select", timeout=FIRST_TRY_SECONDS)
        except (asyncpg.PostgresError, *LOST, *UNSENT) as error:
            _LOG.info("database: a connection was given up: %s", type(error).__name__)
            connection.terminate()
        except BaseException:
            connection.terminate()
            raise
        else:
            connection.succeeded()

    def _end(self, connection: Connection) -> None:
        connection.terminate()
        self.pool.release(connection)

    async def _acquire(self, deadline: float, *, retry_connect: bool) -> Connection:
        """From the pool; while the server cannot be reached, again and again until `deadline`."""
        tries = 0
        while True:
            try:
                return await self.pool.acquire(deadline)
            except TimeoutError as error:
                full = isinstance(error, PoolExhausted)
                refusal: Unavailable = Busy() if full else DatabaseUnavailable()
                self.health.failed(error, connecting=True, full=full)
                raise refusal from error
            except (asyncpg.PostgresError, *UNSENT, OSError) as error:
                self.health.failed(error, connecting=True)
                pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
                tries += 1
                if not retry_connect or _is_permanent(error) or now() + pause > deadline:
                    raise (Busy() if isinstance(from_database(error), Busy) else DatabaseUnavailable()) from error
                await asyncio.sleep(pause)

    async def _connect(self) -> Connection:
        connection: Connection = await asyncpg.connect(**self._arguments, connection_class=Connection)

        def ended(_: Any) -> None:
            self.pool.discard(connection)
            if not connection.closed_by_us:
                self.health.mark_unknown()

        connection.add_termination_listener(ended)
        return connection

    async def _ping(self) -> None:
        """One try, however the database fails."""
        deadline = now() + REQUEST_SECONDS
        try:
            connection = await self.acquire(deadline, validate_after=math.inf, retry_connect=False)
            try:
                await connection.execute("select", timeout=min(FIRST_TRY_SECONDS, deadline - now()))
            except BaseException as error:
                self.failed(connection, error)
                raise
            self.succeeded(connection)
        except (*LOST, *UNSENT) as error:
            raise refusal(error, unknown=False) from error

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.pool.close_idle(_IDLE_SECONDS)

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def now() -> float:
    return asyncio.get_running_loop().time()


def refusal(error: BaseException, *, unknown: bool) -> Unavailable:
    if unknown:
        return OutcomeUnknown()
    return DatabaseTooSlow() if isinstance(error, TimeoutError) else DatabaseUnavailable()


def _is_permanent(error: BaseException) -> bool:
    if isinstance(error, ssl.SSLCertVerificationError | asyncpg.ClientConfigurationError):
        return True
    return str(getattr(error, "sqlstate", "")).startswith(_PERMANENT_ERRORS)
