"""The pool, and the statements that go through it: what is waited for, what is repeated, what is refused."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.dml import UpdateBase

from todo_api.account import note
from todo_api.db.connection import Connection
from todo_api.db.url import connect_arguments, is_pooler
from todo_api.db.watch import Watch
from todo_api.errors import Busy, DatabaseAway, OutcomeUnknown, TooSlow, Unavailable, from_database

_DIALECT: Final = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
_IDLE_SECONDS: Final = 240
"""Below the five minutes after which Neon suspends, and with it cuts, what is idle."""
_REQUEST_SECONDS: Final = 4.6
"""For a statement: waiting for a connection, the statement, and its repetition."""
_FIRST_TRY_SECONDS: Final = 2.0
"""For a statement that may be repeated: a connection whose other end is silently gone answers nothing at all."""
_STATEMENT_SECONDS: Final = 4.0
"""PostgreSQL's own limit, below ours, so that a write that was too slow is known not to have happened."""
_TRUSTED_SECONDS: Final = 15
"""A connection heard from within these is not asked whether it lives, before a write that cannot be repeated."""
_ASK_SECONDS: Final = 1.0
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds between tries to connect; the last one repeats."""
_LOST: Final = (asyncpg.PostgresConnectionError, OSError)
"""The connection, not the statement, failed; the server may have done what it was told. A time-out is an OSError."""
_UNSENT: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""The driver found the connection closed, or with the server's last words in it, and sent nothing."""
_HOPELESS: Final = ("28", "3D", "42", "08P01")
"""SQLSTATEs that no second try to connect will mend: password, database, start-up parameters."""
_LOG: Final = logging.getLogger(__name__)


class Statement:
    """A statement compiled once: its SQL for the driver, and the names of its arguments in the driver's order.

    Compiling in each request costs more than the database does (docs/decisions/0004-one-round-trip.md).

    `repeatable` says that running it twice does no more than once, so that it may be sent again when its answer was
    lost: true for all that only read (docs/decisions/0060-what-is-repeated.md).
    """

    __slots__ = ("names", "repeatable", "sql", "writes")

    def __init__(self, element: ClauseElement, *, repeatable: bool = False) -> None:
        compiled: Any = element.compile(dialect=_DIALECT)
        self.sql: str = compiled.string
        self.names: tuple[str, ...] = tuple(compiled.positiontup)
        self.writes = isinstance(element, UpdateBase) or any(
            isinstance(cte.element, UpdateBase) for cte in compiled.ctes or ()
        )
        self.repeatable = repeatable or not self.writes
        constants = sorted(name for name in set(self.names) if compiled.params[name] is not None)
        if constants:
            raise ValueError(f"a value is baked into the statement: {constants}: name it with bindparam()")


class Database:
    """One worker's connections. Every statement commits by itself and is one round trip.

    All methods raise `errors.Unavailable` when the database cannot be reached or was lost, and asyncpg.PostgresError
    when it refused the statement.
    """

    def __init__(self, url: str, *, pool_size: int, max_overflow: int) -> None:
        arguments = connect_arguments(url)
        if not is_pooler(url):
            # A pooler refuses these; there `alter role` sets them (docs/reliability.md).
            limit = str(int(_STATEMENT_SECONDS * 1000))
            arguments["server_settings"] |= {"statement_timeout": limit, "idle_in_transaction_session_timeout": limit}
        self._size = pool_size + max_overflow
        self._pool = asyncpg.create_pool(
            **arguments,
            connection_class=Connection,
            min_size=0,
            max_size=self._size,
            max_inactive_connection_lifetime=_IDLE_SECONDS,
            max_queries=1_000_000,
            init=self._made,
            reset=_leave_as_it_is,
        )
        self._background: set[asyncio.Task[None]] = set()
        self.watch = Watch(self._ping)

    async def open(self) -> None:
        await self._pool
        self._later(self.watch.begin())

    async def close(self) -> None:
        for task in self._background:
            task.cancel()
        await self._pool.close()

    def connections(self) -> tuple[int, int, int]:
        """How many there are, how many of them are idle, how many there may be."""
        return self._pool.get_size(), self._pool.get_idle_size(), self._pool.get_max_size()

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Rows of one statement."""
        deadline = _now() + _REQUEST_SECONDS
        sent = False
        try:
            return await self._fetch(statement, values, deadline, _FIRST_TRY_SECONDS)
        except _UNSENT as error:
            _LOG.info("database: sent again after %s", type(error).__name__)
            note("retry", type(error).__name__)
        except _LOST as error:
            if not statement.repeatable:
                raise OutcomeUnknown from error
            sent = True
            _LOG.info("database: asked again after %s", type(error).__name__)
            note("retry", type(error).__name__)
        try:
            return await self._fetch(statement, values, deadline, _REQUEST_SECONDS)
        except _LOST as error:
            raise _refusal(error, unknown=statement.writes) from error
        except _UNSENT as error:
            raise _refusal(error, unknown=statement.writes and sent) from error
        except (Unavailable, asyncpg.PostgresError) as error:
            # Refused now; but what was sent first may have been done. A collision with it says that it was.
            if statement.writes and sent and not isinstance(error, asyncpg.UniqueViolationError):
                raise OutcomeUnknown from error
            raise

    async def _fetch(
        self, statement: Statement, values: Mapping[str, Any], deadline: float, patience: float
    ) -> list[asyncpg.Record]:
        """`patience`: seconds that a statement may take which can be repeated after them."""
        async with self._connection(deadline, certain=not statement.repeatable) as connection:
            limit = deadline - _now()
            rows: list[asyncpg.Record] = await connection.fetch(
                statement.sql,
                *[values[name] for name in statement.names],
                timeout=min(limit, patience) if statement.repeatable else limit,
            )
            return rows

    async def fetch_locked(
        self, lock: Statement, statement: Statement, values: Mapping[str, Any]
    ) -> list[asyncpg.Record]:
        """Rows of `statement`, run after `lock` in the same transaction: for the row that everybody wants at once."""
        deadline = _now() + _REQUEST_SECONDS
        committing = False
        try:
            async with self._connection(deadline, certain=True) as connection:
                try:
                    await connection.execute("begin", timeout=deadline - _now())
                    for step in (lock, statement):
                        arguments = [values[name] for name in step.names]
                        rows: list[asyncpg.Record] = await connection.fetch(
                            step.sql, *arguments, timeout=deadline - _now()
                        )
                    committing = True
                    await connection.execute("commit", timeout=deadline - _now())
                except BaseException:
                    # Never back to the pool in the middle of a transaction.
                    _end(connection)
                    raise
                return rows
        except (*_LOST, *_UNSENT) as error:
            raise _refusal(error, unknown=committing) from error

    async def _ping(self) -> None:
        """One try, however the database fails."""
        deadline = _now() + _REQUEST_SECONDS
        try:
            async with self._connection(deadline, patient=False) as connection:
                await connection.execute("select", timeout=min(_FIRST_TRY_SECONDS, deadline - _now()))
        except (*_LOST, *_UNSENT) as error:
            raise _refusal(error, unknown=False) from error

    @asynccontextmanager
    async def _connection(self, deadline: float, *, certain: bool = False, patient: bool = True) -> AsyncIterator[Any]:
        """A connection that lives as far as can be told. `certain`: that was heard from just now."""
        while True:
            connection = await self._acquire(deadline, patient=patient)
            alive = not connection.is_gone()
            if alive and certain and connection.quiet_seconds() > _TRUSTED_SECONDS:
                alive = await _answers(connection)
            if alive:
                break
            _end(connection)
            await self._release(connection)
        heard = connection.heard
        try:
            yield connection
        except TimeoutError as error:
            self.watch.failed(error)
            # The release waits until the server has been told to give up; the request does not.
            self._later(self._release(connection))
            raise
        except BaseException as error:
            if isinstance(error, (*_LOST, *_UNSENT)):
                self.watch.failed(error)
                _end(connection)
            await self._release(connection)
            raise
        heard()
        self.watch.heard()
        await self._release(connection)

    async def _release(self, connection: Any) -> None:
        """Never fails: the answer is there, even if the connection ended right behind it."""
        try:
            await self._pool.release(connection, timeout=_FIRST_TRY_SECONDS)
        except (asyncpg.PostgresError, *_UNSENT, OSError) as error:
            _LOG.info("database: a connection ended on its way back: %s", type(error).__name__)

    async def _acquire(self, deadline: float, *, patient: bool) -> Any:
        """From the pool; while the server cannot be reached, again and again until `deadline`."""
        tries = 0
        while True:
            try:
                return await self._pool.acquire(timeout=deadline - _now())
            except TimeoutError as error:
                full = self._pool.get_size() >= self._size
                refusal: Unavailable = Busy() if full else DatabaseAway()
                self.watch.failed(error, connecting=True, full=full)
                raise refusal from error
            except (asyncpg.PostgresError, *_UNSENT, OSError) as error:
                self.watch.failed(error, connecting=True)
                pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
                tries += 1
                if not patient or _hopeless(error) or _now() + pause > deadline:
                    raise (Busy() if isinstance(from_database(error), Busy) else DatabaseAway()) from error
                await asyncio.sleep(pause)

    async def _made(self, connection: Connection) -> None:
        def ended(_: Any) -> None:
            if not connection.closed_by_us:
                self.watch.doubt()

        connection.add_termination_listener(ended)

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _refusal(error: BaseException, *, unknown: bool) -> Unavailable:
    if unknown:
        return OutcomeUnknown()
    return TooSlow() if isinstance(error, TimeoutError) else DatabaseAway()


def _hopeless(error: BaseException) -> bool:
    if isinstance(error, ssl.SSLCertVerificationError | asyncpg.ClientConfigurationError):
        return True
    return str(getattr(error, "sqlstate", "")).startswith(_HOPELESS)


def _end(connection: Any) -> None:
    """The pool's stand-in for a connection that has ended refuses this, which must not hide why it ended."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


async def _answers(connection: Any) -> bool:
    try:
        await connection.execute("select", timeout=_ASK_SECONDS)
    except (asyncpg.PostgresError, *_LOST, *_UNSENT):
        return False
    return True


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    """No reset query on release: nothing here changes a session, and it would be a second round trip."""
