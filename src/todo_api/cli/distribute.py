"""The command that distributes the tables and the functions over a Citus cluster."""

import asyncio

import asyncpg

from todo_api.db import cluster
from todo_api.db.cluster import CannotDistribute
from todo_api.db.migrations import try_lock
from todo_api.db.url import connect_arguments


def distribute(url: str) -> str:
    """Distributes what is not distributed yet, in one transaction. Returns a message for the user.

    Raises:
        CannotDistribute: the connection fails, or `cluster.distribute` refuses.
    """
    return asyncio.run(_distribute(url))


async def _distribute(url: str) -> str:
    try:
        connection = await asyncpg.connect(**connect_arguments(url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CannotDistribute(
            f"cannot connect to the database: {type(error).__name__}: run `todo-api check`"
        ) from error
    try:
        async with connection.transaction():
            if not await try_lock(connection):
                raise CannotDistribute("a migration is running: wait until it ends, then run this command again")
            names = await cluster.distribute(connection)
    finally:
        await connection.close()
    return f"distributed by user_id: {', '.join(names)}" if names else "everything is distributed already"
