"""Each list on a cluster is one query of one node, also when its prepared statement has run many times."""

from typing import Any
from uuid import uuid4

import anyio
import asyncpg

from tests.architecture.test_statements import list_shapes
from tests.support.client import fresh_user
from tests.support.cluster import rows
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments
from todo_api.features.tags import repository as tags
from todo_api.features.tasks import list_statements as listing

_RUNS = 8
"""From the sixth run on PostgreSQL may use a generic plan, which Citus cannot route."""


async def _states(url: str, me: str, statements: list[Statement]) -> list[tuple[int, set[Any]]]:
    """For each statement, the number of queries to nodes, which Citus calls tasks, and the states in its answers."""
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        values = {"me": me, "limit": 51, "offset": 0, "offset_plus_limit": 51, "first": "", "last": "z"}
        seen = []
        for statement in statements:
            arguments = [values.get(name) for name in statement.names]
            plan = await connection.fetch(f"explain {statement.sql}", *arguments)
            count = next(int(row[0].partition(":")[2]) for row in plan if "Task Count" in row[0])
            states = {(await connection.fetch(statement.sql, *arguments))[0]["state"] for _ in range(_RUNS)}
            known = [[*states] if name == "known" else values.get(name) for name in statement.names]
            (hit,) = await connection.fetch(statement.sql, *known)
            assert hit[0] is None
            seen.append((count, states))
        return seen
    finally:
        await connection.close()


def test_each_list_is_one_query_of_one_node(database_url: str) -> None:
    me = fresh_user("ann")
    rows(
        database_url,
        f"insert into heads (user_id, revision, made_at, tasks) values ('{me}', 1, now() - interval '1 day', 1)",
        "insert into tasks (user_id, id, title, priority, title_folded, description_folded)"
        f" values ('{me}', '{uuid4()}', 'T', 1, 't', '')",
    )
    shapes = [shape for shape in list_shapes() if shape.descending and shape.sort_by in ("created_at", "due_date")]
    statements = [tags._LIST, *map(listing.statement, shapes)]
    for statement, answered in zip(statements, anyio.run(_states, database_url, me, statements), strict=True):
        assert answered == (1, {"1-0-1"}), statement.sql
