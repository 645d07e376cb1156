"""The time to empty a full trash, with many answers of batches under keys.

.venv/bin/python -m benchmarks.hostile.full_trash

PostgreSQL keeps a plan after five calls on a connection. With it an array is searched from its begin, for each answer.
"""

import time
from typing import Final

import anyio
import asyncpg

from tests.support.client import fresh_user
from tests.support.postgres import own_postgres
from todo_api.db.functions import SCHEMA
from todo_api.db.url import connect_arguments

_TASKS: Final = 3000
_KEYS: Final = """
    insert into idempotency_keys (user_id, key, fingerprint, task_id, created_at, revision, answers)
    select $1, 'k' || n, '', gen_random_uuid(), now(), 1,
        (select jsonb_agg(jsonb_build_object('id', gen_random_uuid())) from generate_series(n, n + 99))
    from generate_series(1, 200) as n
"""
_TRASH: Final = """
    insert into changes (user_id, revision, at, task_id, op, version, before)
    select $1, n, clock_timestamp(), gen_random_uuid(), 'remove', 2, '{"title": "T", "tags": []}'
    from generate_series(1, 3000) as n
"""


async def _seconds(connection: asyncpg.Connection, user: str, plans: str) -> float:
    """The shortest of three times to empty the trash. `plans`: a value of `plan_cache_mode`."""
    await connection.execute(f"set plan_cache_mode = {plans}")
    times = []
    for _ in range(3):
        transaction = connection.transaction()
        await transaction.start()
        begin = time.perf_counter()
        outcome = await connection.fetchval(
            f"select outcome from {SCHEMA}.empty_trash($1, now(), $2, array[30, 30])", user, _TASKS
        )
        times.append(time.perf_counter() - begin)
        assert outcome == "purged"
        await transaction.rollback()
    return min(times)


async def _times(url: str) -> tuple[float, float]:
    user = fresh_user("full")
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        await connection.execute("insert into heads (user_id, revision, tasks) values ($1, 3000, 0)", user)
        await connection.execute(_KEYS, user)
        await connection.execute(_TRASH, user)
        custom = await _seconds(connection, user, "force_custom_plan")
        return custom, await _seconds(connection, user, "force_generic_plan")
    finally:
        await connection.close()


def main() -> None:
    with own_postgres() as postgres:
        custom, generic = anyio.run(_times, postgres.url)
    print(f"emptied with a new plan in {custom:.2f} s, with the kept plan in {generic:.2f} s")


if __name__ == "__main__":
    main()
