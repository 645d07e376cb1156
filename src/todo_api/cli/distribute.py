"""Distributes the tables over a Citus cluster, by `user_id`."""

import asyncio

import asyncpg

from todo_api.db.tables import METADATA
from todo_api.db.url import connect_arguments


class NotACluster(Exception):
    """One line that says why the tables cannot be distributed and what to do."""


def statements() -> list[str]:
    """One statement for each table, in the order of the foreign keys. All rows of one user are on one node.

    https://docs.citusdata.com/en/stable/develop/api_udf.html#create-distributed-table
    """
    first, *others = [table.name for table in METADATA.sorted_tables]
    return [
        f"select create_distributed_table('{first}', 'user_id', colocate_with => 'none')",
        *(f"select create_distributed_table('{name}', 'user_id', colocate_with => '{first}')" for name in others),
    ]


def distribute(url: str) -> str:
    """Distributes the tables that are not distributed yet, in one transaction. Returns a message for the user.

    Raises:
        NotACluster: the connection fails, or the extension or a table is missing.
    """
    return asyncio.run(_distribute(url))


async def _distribute(url: str) -> str:
    try:
        connection = await asyncpg.connect(**connect_arguments(url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotACluster(f"cannot connect to the database: {type(error).__name__}: run `todo-api check`") from error
    try:
        async with connection.transaction():
            if not await connection.fetchval("select count(*) from pg_extension where extname = 'citus'"):
                raise NotACluster(
                    "this PostgreSQL has no citus extension, so nothing was distributed: run `create extension citus` "
                    "on a Citus cluster, or stay on one machine (docs/scaling.md)"
                )
            existing = await connection.fetch("select tablename from pg_tables where schemaname = current_schema()")
            if missing := set(METADATA.tables) - {row[0] for row in existing}:
                raise NotACluster(f"there is no table {min(missing)}: run `todo-api database upgrade` first")
            rows = await connection.fetch("select logicalrelid::text from pg_dist_partition")
            done = {row[0] for row in rows}
            names = [table.name for table in METADATA.sorted_tables if table.name not in done]
            for statement, table in zip(statements(), METADATA.sorted_tables, strict=True):
                if table.name in names:
                    await connection.execute(statement)
    finally:
        await connection.close()
    return f"distributed by user_id: {', '.join(names)}" if names else "all tables are distributed already"
