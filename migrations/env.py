"""Runs Alembic on the database: all migrations of one run in one transaction, and one run at a time.

An upgrade to the newest revision installs the functions of the features, at the end of that transaction. On a cluster
it distributes the new tables and functions, too.

A second connection holds an advisory lock in its own transaction. A lock in the transaction of the migrations would be
released as soon as one of them commits to create an index concurrently. A session lock would outlive this process at a
pooler. A waiting run polls: a statement that waits has a snapshot, and CREATE INDEX CONCURRENTLY waits for its end.
"""

import asyncio
from typing import Any

import asyncpg
from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event
from sqlalchemy.util import await_only

from todo_api.db import cluster, functions
from todo_api.db.migrations import connect_directly, migrate, try_lock
from todo_api.db.tables import METADATA

_ANY_TIME_IDLE = "set local idle_in_transaction_session_timeout = 0"
_PATIENCE_SECONDS = 1800
_PAUSE_SECONDS = 0.2


def offline() -> None:
    # The default style of parameters would print each `%` of a function twice.
    named = {"paramstyle": "named"}
    context.configure(dialect_name="postgresql", dialect_opts=named, target_metadata=METADATA, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
        if context.config.attributes.get("functions"):
            context.execute(functions.script())


def online(connection: Connection) -> None:
    event.listen(connection, "before_cursor_execute", before_statement)
    event.listen(connection, "after_cursor_execute", after_statement)
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        compare_type=True,
        compare_server_default=True,
        on_version_apply=commit_if_outside_transaction,
    )
    with context.begin_transaction():
        connection.exec_driver_sql(cluster.SEQUENTIAL)
        context.run_migrations()
        if context.config.attributes.get("functions"):
            connection.exec_driver_sql(functions.script())
            await_only(cluster.distribute_rest(connection.connection.driver_connection))


def before_statement(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
    """Takes the limit off CONCURRENTLY: it waits for all older transactions to end, and no client waits behind it."""
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        connection.info["outside_transaction"] = True
    if "CONCURRENTLY" in statement.upper():
        connection.exec_driver_sql("set lock_timeout = 0")


def after_statement(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
    if "CONCURRENTLY" in statement.upper():
        connection.exec_driver_sql("reset lock_timeout")


def commit_if_outside_transaction(ctx: MigrationContext, step: Any, heads: Any, run_args: Any) -> None:
    """Commits the revision of a migration that has an `autocommit_block`: another try must not run it again."""
    if ctx.connection is not None and ctx.connection.info.pop("outside_transaction", False):
        with ctx.autocommit_block():
            """Alembic commits the open transaction when the block begins."""


async def take_lock(holder: asyncpg.Connection) -> None:
    """Polls until the lock is taken."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await try_lock(holder):  # noqa: ASYNC110 - PostgreSQL sets no event
            await asyncio.sleep(_PAUSE_SECONDS)


async def connect() -> None:
    url = context.config.attributes["url"]
    holder = await connect_directly(url)
    try:
        async with holder.transaction():
            await holder.execute(_ANY_TIME_IDLE)
            await take_lock(holder)
            await migrate(url, online, context.config.attributes["patience"])
    finally:
        await holder.close()


if context.is_offline_mode():
    offline()
else:
    asyncio.run(connect())
