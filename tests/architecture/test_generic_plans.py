"""PostgreSQL plans the statements of frequent requests once for each connection, not in each execution."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import anyio
import asyncpg
import pytest
from msgspec.structs import replace

from tests.architecture.test_migrations import empty, run
from todo_api.cli.seed import seed_database, seed_user
from todo_api.db.migrations import upgrade
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments
from todo_api.features.changes.reads import SINCE
from todo_api.features.tasks.list_statements import Shape, statement
from todo_api.features.tasks.reads import GET

__all__ = ["empty"]
_FIRST_PAGE: Final = Shape(filters=frozenset(), sort_by="created_at", descending=True, start="first", counts=True)
_EXECUTIONS: Final = 10
"""PostgreSQL plans the first five anew in any case."""


@pytest.fixture
def seeded(empty: str) -> str:
    """A database with 20 users, who have 200 tasks each."""
    upgrade(empty)
    anyio.run(lambda: seed_database(empty, users=20, tasks=200, seed=1, done=lambda _: None))
    run(empty, "analyze")
    return empty


async def _planned(url: str, read: Statement) -> int:
    """How often PostgreSQL planned `read` in `_EXECUTIONS` executions. The client has all that there is."""
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        head = await connection.fetchrow("select revision, epoch from heads where user_id = $1", seed_user(3, 1))
        values = {
            "me": seed_user(3, 1),
            "id": UUID(int=2**128 - 1),
            "known": [f"{head['revision']}-{head['epoch']}-1"],
            "limit": 101,
            "revision": head["revision"],
            "removed_after": head["revision"],
            "issued": datetime.now(UTC),
        }
        prepared = await connection.prepare(read.sql)
        for _ in range(_EXECUTIONS):
            await prepared.fetch(*[values[name] for name in read.names])
        counted = await connection.fetchval(
            "select custom_plans from pg_prepared_statements where statement = $1", read.sql
        )
        return int(counted)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "read",
    [GET, SINCE, statement(_FIRST_PAGE), statement(replace(_FIRST_PAGE, stored=True))],
    ids=["get", "no changes", "list", "304 for a list"],
)
def test_a_read_is_planned_once(seeded: str, read: Statement) -> None:
    assert anyio.run(_planned, seeded, read) <= 5
