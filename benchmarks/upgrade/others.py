"""The tasks of the users without load."""

from typing import Final

import asyncpg

_OTHERS: Final = """
    select count(*) || ' ' || sum(hashtextextended(concat_ws('|', user_id, id, title, description, priority, due_date,
        completed_at, created_at, updated_at, version, field_versions, title_folded, description_folded), 0))
    from tasks where user_id <> all($1)
"""
_LINKS: Final = """
    select count(*) || ' ' || sum(hashtextextended(concat_ws('|', user_id, task_id, tag), 0))
    from task_tags where user_id <> all($1)
"""


async def untouched(connection: asyncpg.Connection, users: list[str]) -> str:
    """A fingerprint of the tasks and tags of all users except `users`."""
    return " ".join([await connection.fetchval(sql, users) for sql in (_OTHERS, _LINKS)])
