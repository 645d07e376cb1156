"""A list that the client has is not read: its statement ends after the head row."""

import re

import anyio
import asyncpg

from tests.architecture.test_migrations import run
from tests.architecture.test_statements import list_shapes
from tests.support.client import Person
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments
from todo_api.features.tags import repository as tags
from todo_api.features.tasks import list_statements as listing

_SCAN = re.compile(r"Scan .* on (tasks|task_tags|tags)\b.* \((never executed|actual rows=[0-9]+)")


async def _scans(url: str, me: str, known: str, statements: list[Statement]) -> list[set[tuple[str, str]]]:
    """For each statement, the tables other than `heads` with the rows that their scans found."""
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        values = {
            "me": me,
            "known": [known],
            "limit": 51,
            "offset": 0,
            "offset_plus_limit": 51,
            "first": "",
            "last": "z",
        }
        plans = []
        for statement in statements:
            arguments = [values.get(name) for name in statement.names]
            rows = await connection.fetch(f"explain (analyze, timing off) {statement.sql}", *arguments)
            plans.append(set(_SCAN.findall("\n".join(row[0] for row in rows))))
        return plans
    finally:
        await connection.close()


def test_a_hit_reads_nothing_but_the_head_row(ann: Person, database_url: str) -> None:
    for _ in range(3):
        ann.creates(tags=["a", "b"], due_date="2026-01-01")
    run(database_url, f"update heads set made_at = now() - interval '1 day' where user_id = '{ann.user_id}'")
    statements = [tags._LIST, *(listing.statement(shape) for shape in list_shapes() if shape.descending)]
    # The one row has no task, so for its tags the index is not searched.
    unread = {("tasks", "never executed"), ("tags", "never executed"), ("task_tags", "never executed")}
    unread |= {("task_tags", "actual rows=0")}
    for statement, scans in zip(
        statements, anyio.run(_scans, database_url, ann.user_id, "3-0-1", statements), strict=True
    ):
        assert scans, statement.sql
        assert scans <= unread, statement.sql
    for scans in anyio.run(_scans, database_url, ann.user_id, "2-0-1", statements[:2]):
        assert not scans <= unread
