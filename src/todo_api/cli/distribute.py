"""The way out of one machine: the same tables, spread over a Citus cluster by their owner."""

import asyncio

import asyncpg

from todo_api.db.tables import METADATA
from todo_api.db.url import connect_arguments


class NotACluster(Exception):
    """Why the tables cannot be distributed, on one line."""


def statements() -> list[str]:
    """One for each table, those that others refer to first. All shards of one user are on one node.

    https://docs.citusdata.com/en/stable/develop/api_udf.html#create-distributed-table
    """
    first, *others = [table.name for table in METADATA.sorted_tables]
    return [
        f"select create_distributed_table('{first}', 'user_id', colocate_with => 'none')",
        *(f"select create_distributed_table('{name}', 'user_id', colocate_with => '{first}')" for name in others),
    ]


def distribute(url: str) -> str:
    """Distributes what is not distributed yet, in one transaction, and says what was done.

    Raises:
        NotACluster: the extension is not there, or the tables are not.
    """
    return asyncio.run(_distribute(url))


async def _distribute(url: str) -> str:
    try:
        connection = await asyncpg.connect(**connect_arguments(url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotACluster(f"the database does not let us in: {type(error).__name__}: run `todo-api check`") from error
    try:
        async with connection.transaction():
            if not await connection.fetchval("select count(*) from pg_extension where extname = 'citus'"):
                raise NotACluster(
                    "this PostgreSQL has no citus extension, so nothing was distributed: run `create extension citus` "
                    "on a Citus cluster, or stay on one machine (docs/scaling.md)"
                )
            there = await connection.fetch("select tablename from pg_tables where schemaname = current_schema()")
            if missing := set(METADATA.tables) - {row[0] for row in there}:
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
