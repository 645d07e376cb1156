"""The pool, and the statements that go through it."""

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import ClauseElement

from todo_api.db.url import connect_arguments

_DIALECT: Final = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
_IDLE_SECONDS: Final = 240
"""Below the five minutes after which Neon suspends, and with it cuts, what is idle."""


class Statement:
    """A statement compiled once: its SQL for the driver, and the names of its arguments in the driver's order.

    Compiling in each request costs more than the database does (docs/decisions/0004-one-round-trip.md).
    """

    __slots__ = ("names", "sql")

    def __init__(self, element: ClauseElement) -> None:
        compiled: Any = element.compile(dialect=_DIALECT)
        self.sql: str = compiled.string
        self.names: tuple[str, ...] = tuple(compiled.positiontup)
        constants = sorted(name for name in set(self.names) if compiled.params[name] is not None)
        if constants:
            raise ValueError(f"a value is baked into the statement: {constants}: name it with bindparam()")


class Database:
    """One worker's connections. Every statement commits by itself and is one round trip."""

    def __init__(self, url: str, *, pool_size: int, max_overflow: int) -> None:
        self._pool = asyncpg.create_pool(
            **connect_arguments(url),
            min_size=0,
            max_size=pool_size + max_overflow,
            max_inactive_connection_lifetime=_IDLE_SECONDS,
            max_queries=1_000_000,
            reset=_leave_as_it_is,
            command_timeout=5,
        )

    async def open(self) -> None:
        await self._pool

    async def close(self) -> None:
        await self._pool.close()

    def connections(self) -> tuple[int, int, int]:
        """How many there are, how many of them are idle, how many there may be."""
        return self._pool.get_size(), self._pool.get_idle_size(), self._pool.get_max_size()

    async def ping(self) -> None:
        async with self._pool.acquire(timeout=3) as connection:
            await connection.execute("select")

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Rows of one statement.

        Raises:
            asyncpg.PostgresError, asyncpg.InterfaceError, OSError: see `errors.from_database`.
        """
        async with self._pool.acquire(timeout=3) as connection:
            rows: list[asyncpg.Record] = await connection.fetch(
                statement.sql, *[values[name] for name in statement.names]
            )
            return rows

    async def fetch_locked(
        self, lock: Statement, statement: Statement, values: Mapping[str, Any]
    ) -> list[asyncpg.Record]:
        """Rows of `statement`, run after `lock` in the same transaction: for the row that everybody wants at once."""
        async with self._pool.acquire(timeout=3) as connection, connection.transaction():
            await connection.fetch(lock.sql, *[values[name] for name in lock.names])
            rows: list[asyncpg.Record] = await connection.fetch(
                statement.sql, *[values[name] for name in statement.names]
            )
            return rows


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    """No reset query on release: nothing here changes a session, and it would be a second round trip."""
