"""The epoch of cursors. A new one is set after a backup was restored: the same revisions are then given again."""

import random
from typing import Final

from todo_api.db.migrations import connect_directly

MOST: Final = 2**40
"""Epochs are below it."""


async def begin_new_epoch(url: str) -> int:
    """Gives all users, and those who come later, a new epoch. All cursors of changes are 410 from then on.

    Raises:
        SettingsError: the database cannot be reached.
        asyncpg.PostgresError: the tables are missing, or the role does not own them.
    """
    epoch = random.SystemRandom().randrange(1, MOST)
    connection = await connect_directly(url)
    try:
        async with connection.transaction():
            await connection.execute(f"alter table heads alter column epoch set default {epoch}")
            await connection.execute("update heads set epoch = $1", epoch)
    finally:
        await connection.close()
    return epoch
