"""Runs Alembic on the database: all migrations of one run in one transaction, and one run at a time.

A second connection holds an advisory lock in its own transaction. A lock in the transaction of the migrations would be
released as soon as one of them commits to create an index concurrently. A session lock would outlive this process at a
pooler. A waiting run polls: a statement that waits has a snapshot, and CREATE INDEX CONCURRENTLY waits for its end.
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


async def take_lock(holder: asyncpg.Connection) -> None:
    """Polls until the lock is taken. By `execute`, which returns the number of rows: `fetch` would keep a snapshot."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while await holder.execute(_ONE_AT_A_TIME) == "SELECT 0":  # noqa: ASYNC110 - PostgreSQL sets no event
            await asyncio.sleep(_PAUSE_SECONDS)


async def connect() -> None:
    url = context.config.attributes["url"]
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect_directly(url), poolclass=NullPool
    )
    holder = await connect_directly(url)
    try:
        async with holder.transaction():
            await holder.execute(_ANY_TIME_IDLE)
            await take_lock(holder)
            async with engine.connect() as connection:
                await connection.run_sync(online)
    finally:
        await holder.close()
        await engine.dispose()


if context.is_offline_mode():
    offline()
else:
    asyncio.run(connect())
