"""Runs statements: decides which are sent a second time, and whether a write is known to have happened."""

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from todo_api.db.checked_pool import CheckedPool
from todo_api.db.failures import LOST, UNSENT, interruption, refusal
from todo_api.db.fair_semaphore import FairSemaphore
from todo_api.db.revisions import REVISIONS, Revisions
from todo_api.db.statement import Statement
from todo_api.db.time_limits import FIRST_TRY_SECONDS, REQUEST_SECONDS, TEST_SECONDS, now
from todo_api.observability.context import count_event
from todo_api.unavailable import Busy, DatabaseTooSlow, DatabaseUnavailable, OutcomeUnknown, Unavailable

_LEAST_SECONDS: Final = 0.2
"""A statement is not sent with less time left: an error before sending is certain, a time-out afterwards is not."""
_TURN_SECONDS: Final = 3.4
"""For waiting until fewer statements of the same user are under way. The statement has the rest of the time."""
_TRUSTED_SECONDS: Final = 15
"""A connection that answered within these seconds gets no test query before a statement that cannot be repeated."""
_JUST_NOW_SECONDS: Final = 1.0
"""The socket of a connection that answered within these seconds is not checked if a second try is possible. The check
is a system call that releases the interpreter lock (docs/decisions/0080-cpu-time-per-request.md)."""
_GARBLED: Final = (asyncpg.ProtocolError, asyncpg.OutdatedSchemaCacheError)
"""The errors of `UNSENT` in which the server did run the statement, and the driver did not understand the answer."""
_LOG: Final = logging.getLogger(__name__)


class Database:
    """Each statement commits by itself and is one round trip. At most four of a user (`me`) are under way at once.

    Raises, in all methods:
        unavailable.Busy: the user's other statements took too long.
        unavailable.Unavailable: the database cannot be reached, or the connection was lost.
        asyncpg.PostgresError: the database refused the statement.
    """

    def __init__(
        self, url: str, *, pool_size: int, max_overflow: int, poll_seconds: tuple[float, float] = (0.5, 5)
    ) -> None:
        self._connections = CheckedPool(url, pool_size + max_overflow)
        self._turns = FairSemaphore(pool_size + max_overflow)
        self.health = self._connections.health
        self.schema = self._connections.schema
        self.revisions = Revisions(self._revisions, *poll_seconds)

    async def open(self) -> None:
        self._connections.open()

    async def close(self) -> None:
        self.revisions.stop()
        await self._connections.close()

    def connections(self) -> tuple[int, int, int]:
        """Numbers of open connections, of idle ones, and of the most that may be open."""
        pool = self._connections.pool
        return pool.made, pool.idle, pool.size

    async def _revisions(self, users: list[str]) -> dict[str, int]:
        return dict(await self.fetch(REVISIONS, {"users": users}))

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Returns the rows of one statement."""
        deadline = now() + REQUEST_SECONDS
        user = values.get("me", "")
        if not self._turns.acquire_at_once(user):
            await self._wait_for_turn(user)
        try:
            return await self._fetch_safely(statement, values, deadline)
        finally:
            self._turns.release(user)

    async def _wait_for_turn(self, user: str) -> None:
        try:
            await self._turns.acquire(user, now() + _TURN_SECONDS)
        except TimeoutError as error:
            raise (DatabaseUnavailable if self.health.is_down else Busy) from error

    async def _fetch_safely(
        self, statement: Statement, values: Mapping[str, Any], deadline: float
    ) -> list[asyncpg.Record]:
        """Sends the statement again if its connection was lost and a second execution does no harm."""
        sent = False
        try:
            return await self._fetch(statement, values, deadline, first=statement.repeatable)
        except _GARBLED as error:
            raise (OutcomeUnknown if statement.writes else DatabaseUnavailable) from error
        except UNSENT as error:
            _LOG.info("database: nothing was sent, second try after %s", type(error).__name__)
            count_event("retry", type(error).__name__)
        except LOST as error:
            if not statement.repeatable:
                raise OutcomeUnknown from error
            if deadline - now() < _LEAST_SECONDS:
                raise refusal(error, unknown=statement.writes) from error
            sent = True
            _LOG.info("database: connection lost, second try after %s", type(error).__name__)
            count_event("retry", type(error).__name__)
        try:
            return await self._fetch(statement, values, deadline, first=False)
        except LOST as error:
            raise refusal(error, unknown=statement.writes) from error
        except UNSENT as error:
            raise refusal(error, unknown=statement.writes and sent) from error
        except (Unavailable, asyncpg.PostgresError) as error:
            # The second try was refused, but the first may have happened.
            if statement.writes and sent:
                raise OutcomeUnknown from error
            raise

    async def _fetch(
        self, statement: Statement, values: Mapping[str, Any], deadline: float, *, first: bool
    ) -> list[asyncpg.Record]:
        """`first`: a second try may follow, so this one checks less and waits for a shorter time.

        Raises:
            DatabaseTooSlow: a read was cancelled in the first try, and its connection still answers. A slow read is not
                sent again, since that would double the work. A create is: only its second try shows what it did.
        """
        # The second try skips the test query only for connections that answered since the first try began.
        trusted = FIRST_TRY_SECONDS if statement.repeatable else _TRUSTED_SECONDS
        connection = await self._connections.acquire(
            deadline - _LEAST_SECONDS,
            validate_after=math.inf if first else trusted,
            skip_check_within=_JUST_NOW_SECONDS if first else 0.0,
        )
        try:
            limit = deadline - now()
            retries = first and (statement.writes or limit > FIRST_TRY_SECONDS + TEST_SECONDS)
            rows: list[asyncpg.Record] = await connection.fetch(
                statement.sql,
                *[values[name] for name in statement.names],
                timeout=min(limit, FIRST_TRY_SECONDS) if retries else limit,
            )
        except BaseException as error:
            if retries and isinstance(error, TimeoutError) and not statement.writes:
                if await self._connections.still_answers(connection):
                    raise DatabaseTooSlow from error
                raise
            self._connections.failed(connection, error, first=first)
            if failure := interruption(error, writes=statement.writes, cluster=self._connections.is_cluster):
                raise failure from error
            raise
        self._connections.succeeded(connection)
        return rows
