"""Alembic's way into the database: all migrations of one run are one transaction, and one run at a time."""

import asyncio

from alembic import context
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from todo_api.db.migrations import connect_directly
from todo_api.db.tables import METADATA

_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtext('todo_api migrations'))")


def offline() -> None:
    context.configure(dialect_name="postgresql", target_metadata=METADATA, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def online(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(_ONE_AT_A_TIME)
        context.run_migrations()


async def connect() -> None:
    url = context.config.attributes["url"]
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect_directly(url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(online)
    await engine.dispose()


if context.is_offline_mode():
    offline()
else:
    asyncio.run(connect())
