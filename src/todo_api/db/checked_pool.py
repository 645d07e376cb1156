"""The connection pool of one worker. It tests idle connections before use and closes broken ones."""

import asyncio
import logging
from typing import Any, Final

import asyncpg

from todo_api.db.background import BackgroundTasks
from todo_api.db.backoff import pause
from todo_api.db.connection import Connection
from todo_api.db.failures import LOST, UNSENT, is_lost, is_permanent, refused
from todo_api.db.pool import Pool, PoolExhausted
from todo_api.db.probe import Probe
from todo_api.db.time_limits import FIRST_TRY_SECONDS, STATEMENT_SECONDS, TEST_SECONDS, now
from todo_api.db.url import connect_arguments, is_pooler
from todo_api.unavailable import Busy

_IDLE_SECONDS: Final = 240
"""Below five minutes: Neon then suspends an idle database and closes its connections."""
_SWEEP_SECONDS: Final = 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.4
"""Seconds between two tries to connect."""
_LOG: Final = logging.getLogger(__name__)


class CheckedPool:
    """A `Pool` whose connections are checked before use, and the health of the database as their statements show it."""

    def __init__(self, url: str, size: int) -> None:
        arguments = connect_arguments(url)
        if not is_pooler(url):
            # A pooler refuses these parameters. Behind one, `alter role` sets them (docs/reliability.md).
            limit = str(int(STATEMENT_SECONDS * 1000))
            arguments["server_settings"] |= {"statement_timeout": limit, "idle_in_transaction_session_timeout": limit}
        self._arguments = arguments
        self.pool = Pool(self._connect, size)
        self._background = BackgroundTasks()
        self._probe = Probe(self.pool, self._connect, self.acquire)
        self.health = self._probe.health
        self.schema = self._probe.schema

    @property
    def is_cluster(self) -> bool:
        """Whether the server is a coordinator of Citus, or may be one, since it was not asked yet."""
        return self._probe.is_cluster is not False

    def open(self) -> None:
        self._background.start(self._probe.begin())
        self._background.start(self._sweep())

    async def close(self) -> None:
        await self.pool.close(FIRST_TRY_SECONDS)
        await self._background.cancel()

    async def acquire(
        self, deadline: float, *, validate_after: float, skip_check_within: float = 0.0, retry_connect: bool = True
    ) -> Connection:
        """Returns a usable connection.

        Idle for `validate_after` seconds or longer: sends a test query first. Idle for less than `skip_check_within`
        seconds: skips the check of the socket, too.

        Raises:
            Busy: all connections were in use until `deadline`, or the server accepts no more.
            DatabaseUnavailable: no connection could be opened before `deadline`, or at all.
        """
        while True:
            connection = await self._acquire(deadline, retry_connect=retry_connect)
            idle = connection.idle_seconds()
            if idle < skip_check_within and not connection.is_closed():
                return connection
            if not connection.is_gone():
                if idle < validate_after:
                    return connection
                try:
                    await connection.execute("select", timeout=min(TEST_SECONDS, deadline - now()))
                except (asyncpg.PostgresError, *LOST, *UNSENT) as error:
                    _LOG.info("database: an idle connection failed the test query: %s", type(error).__name__)
                    # Connections that were idle for longer would fail too.
                    self.pool.close_idle(validate_after)
                except BaseException:
                    self._discard(connection)
                    raise
                else:
                    return connection
            self._discard(connection)

    def succeeded(self, connection: Connection) -> None:
        """Takes the connection back: its statement was answered."""
        connection.succeeded()
        self.health.succeeded()
        self.pool.release(connection)

    def failed(self, connection: Connection, error: BaseException, *, first: bool = False) -> None:
        """Takes the connection back after an error. `first`: another try follows, as in `Database._fetch`."""
        if isinstance(error, (TimeoutError, asyncio.CancelledError)) and not connection.is_closed():
            # The driver sends a cancel request to the server. The client's request does not wait for its effect.
            self._background.start(self._settle(connection, FIRST_TRY_SECONDS))
            return
        if is_lost(error) or isinstance(error, UNSENT):
            if first or isinstance(error, TimeoutError):
                self.health.mark_unknown()
            else:
                self.health.failed(error)
        if connection.is_closed():
            self.pool.release(connection)
        elif isinstance(error, asyncpg.PostgresError) and not is_lost(error):
            self.schema.failed(error)
            connection.succeeded()
            self.pool.release(connection)
        else:
            self._discard(connection)

    async def still_answers(self, connection: Connection) -> bool:
        """Takes the connection back after a time-out, and says whether it answered after its statement was cancelled.

        If so, the statement was slow. If not, the connection is lost, and so are those that were idle for longer.
        """
        answers = await self._settle(connection, TEST_SECONDS)
        if not answers:
            self.pool.close_idle(FIRST_TRY_SECONDS + TEST_SECONDS)
        return answers

    async def _settle(self, connection: Connection, seconds: float) -> bool:
        """Waits until the cancelled statement has ended: the driver delays the next statement until then.

        Only the answer to that next statement shows whether the database was slow or the connection is lost.
        """
        try:
            await connection.execute("select", timeout=seconds)
        except (asyncpg.PostgresError, *LOST, *UNSENT) as error:
            _LOG.info(
                "database: a connection failed after a cancelled statement, so it was closed: %s", type(error).__name__
            )
            connection.terminate()
            self.health.mark_unknown()
            return False
        except BaseException:
            connection.terminate()
            raise
        else:
            connection.succeeded()
            self.health.succeeded()
            return True
        finally:
            self.pool.release(connection)

    def _discard(self, connection: Connection) -> None:
        connection.terminate()
        self.pool.release(connection)

    async def _acquire(self, deadline: float, *, retry_connect: bool) -> Connection:
        """Takes a connection from the pool. While the server cannot be reached, tries again until `deadline`."""
        tries = 0
        last: Exception | None = None
        while True:
            try:
                return await self.pool.acquire(deadline)
            except TimeoutError as error:
                full = isinstance(error, PoolExhausted)
                self.health.failed(error, connecting=True, full=full)
                raise (Busy() if full else refused(last or error)) from error
            except (asyncpg.PostgresError, *UNSENT, OSError) as error:
                last = error
                self.health.failed(error, connecting=True)
                tries += 1
                useless = not retry_connect or is_permanent(error)
                if useless or not await pause(tries, deadline, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE):
                    raise refused(error) from error

    async def _connect(self) -> Connection:
        connection: Connection = await asyncpg.connect(**self._arguments, connection_class=Connection)

        def on_close(_: Any) -> None:
            self.pool.discard(connection)
            if not connection.closed_by_us:
                self.health.mark_unknown()

        connection.add_termination_listener(on_close)
        return connection

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.pool.close_idle(_IDLE_SECONDS)
