"""A slow statement is stopped and not sent again, and it does not make the database count as unavailable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text  # noqa: TID251 - it reads no table

from todo_api.db.database import Database
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments
from todo_api.unavailable import DatabaseTooSlow


@asynccontextmanager
async def opened(url: str, size: int) -> AsyncIterator[Database]:
    database = Database(url, pool_size=size, max_overflow=0)
    await database.open()
    try:
        await database.health.check()
        yield database
    finally:
        await database.close()


def test_a_slow_read_is_cancelled_and_not_sent_again(database_url: str) -> None:
    async def story() -> None:
        sequence = f"runs_{uuid4().hex}"
        connection = await asyncpg.connect(**connect_arguments(database_url))
        try:
            await connection.execute(f"create sequence {sequence}")
            # A sequence counts the executions: a statement that is cancelled does not undo it.
            slow = Statement(text(f"select nextval('{sequence}'), pg_sleep(60)"))
            async with opened(database_url, 2) as database:
                with pytest.raises(DatabaseTooSlow):
                    await database.fetch(slow, {})
                assert not database.health.is_down
                await database.health.check()
            assert await connection.fetchval(f"select last_value from {sequence}") == 1
            await connection.execute(f"drop sequence {sequence}")
        finally:
            await connection.close()

    asyncio.run(story())


def test_readiness_does_not_wait_for_slow_statements_that_use_all_connections(database_url: str) -> None:
    asleep = Statement(text("select pg_sleep(60), cast(:me as text)"))

    async def story() -> None:
        async with opened(database_url, 2) as database:
            statements = [asyncio.create_task(database.fetch(asleep, {"me": user})) for user in ("ann", "bob")]
            while database.connections()[:2] != (2, 0):  # noqa: ASYNC110 - the pool sets no event
                await asyncio.sleep(0.01)
            database.health.mark_unknown()
            await database.health.check()
            assert not any(statement.done() for statement in statements)
            assert database.connections() == (2, 0, 2)
            for statement in statements:
                statement.cancel()
            await asyncio.gather(*statements, return_exceptions=True)

    asyncio.run(story())
