"""Alembic's way into the database: all migrations of one run are one transaction, and one run at a time.

The turn is kept by a transaction on a connection of its own. A lock of the migrations' own transaction would be gone as
soon as one of them commits in between to make an index concurrently, and a session's lock outlives us at a pooler.
Who waits asks again and again: a statement that waits has a snapshot, for whose end an index made concurrently waits.
"""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from todo_api.db.migrations import connect_directly
from todo_api.db.tables import METADATA

_ANY_TIME_IDLE = "set local idle_in_transaction_session_timeout = 0"
_ONE_AT_A_TIME = "select where pg_try_advisory_xact_lock(hashtext('todo_api migrations'))"
_PATIENCE_SECONDS = 1800
_PAUSE_SECONDS = 0.2


def offline() -> None:
    context.configure(dialect_name="postgresql", target_metadata=METADATA, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def online(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


async def take(turn: asyncpg.Connection) -> None:
    """By simple query, whose answer is how many rows it had: what is fetched keeps its snapshot while we are idle."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while await turn.execute(_ONE_AT_A_TIME) == "SELECT 0":  # noqa: ASYNC110 - PostgreSQL sets no event
            await asyncio.sleep(_PAUSE_SECONDS)


async def connect() -> None:
    url = context.config.attributes["url"]
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect_directly(url), poolclass=NullPool
    )
    turn = await connect_directly(url)
    try:
        async with turn.transaction():
            await turn.execute(_ANY_TIME_IDLE)
            await take(turn)
            async with engine.connect() as connection:
                await connection.run_sync(online)
    finally:
        await turn.close()
        await engine.dispose()


if context.is_offline_mode():
    offline()
else:
    asyncio.run(connect())
