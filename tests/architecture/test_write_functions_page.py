"""The example of docs/write-functions.md is formatted, keeps the rules and does what the page says."""

import os
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Final
from uuid import uuid4

import anyio
import asyncpg
import pytest

from tests.architecture.function_source import functions
from tests.architecture.test_documents import ROOT
from tests.architecture.test_functions import FUNCTIONS, built_in, complaints
from tests.architecture.test_migrations import empty
from todo_api.db.functions import SCHEMA
from todo_api.db.migrations import upgrade
from todo_api.db.statement import FunctionCall
from todo_api.db.url import connect_arguments

__all__ = ["built_in", "empty"]

PAGE: Final = (ROOT / "docs/write-functions.md").read_text()
(EXAMPLE,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
(CALLED,) = re.findall(r"FunctionCall\((.*?)\)", PAGE)
CALL: Final = FunctionCall(*re.findall(r'"(\w+)"', CALLED))
CREATE: Final = (
    f"select * from {SCHEMA}.create_task($1, null, $2, false, $3, '{{}}', '{{}}', null, null, 100, '{{30,30}}')"
)
TASK: Final = '{"title": "a", "priority": 2, "due_date": "2026-01-01", "title_folded": "a", "description_folded": ""}'

needs_npm = pytest.mark.skipif(
    shutil.which("npm") is None and os.environ.get("CI") != "true", reason="Node and npm are not installed"
)


def formatted(sql: str, file: Path) -> subprocess.CompletedProcess[str]:
    file.write_text(sql)
    command: list[str | Path] = [ROOT / "scripts/format-functions", "--check", file]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_example_keeps_the_rules(built_in: dict[str, str]) -> None:
    example = functions(EXAMPLE)
    assert [name for name, _ in example[0].arguments] == list(CALL.names)
    assert complaints(example, [*FUNCTIONS, *example], built_in) == set()


@needs_npm
def test_the_example_is_formatted(tmp_path: Path) -> None:
    done = formatted(EXAMPLE, tmp_path / "writes.sql")
    assert done.returncode == 0, done.stderr


@needs_npm
@pytest.mark.parametrize(
    ("part", "instead"), [("  this bigint", " this bigint"), ("old := ", "old  := "), ("if not found then", "if then")]
)
def test_the_formatter_refuses(part: str, instead: str, tmp_path: Path) -> None:
    """A body that it cannot parse, too."""
    assert part in EXAMPLE
    assert formatted(EXAMPLE.replace(part, instead), tmp_path / "writes.sql").returncode != 0


async def _use(url: str) -> list[object]:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        await connection.execute(f"set search_path = {SCHEMA}, public, pg_temp")
        await connection.execute(EXAMPLE)
        await connection.execute("set search_path = public")
        task_id = uuid4()
        await connection.fetch(CREATE, "ann", task_id, TASK)
        outcomes = [
            await connection.fetchval(CALL.sql, me, None, task_id, date.fromisoformat(day), [30, 30])
            for me, day in (("ann", "2026-01-02"), ("bob", "2026-01-03"), ("ann", "2026-01-04"))
        ]
        log = await connection.fetch("select user_id, revision, op, before ->> 'due_date' from changes order by 2")
        task = await connection.fetchrow("select due_date::text, version, revision, field_versions from tasks")
        heads = await connection.fetch("select user_id, revision from heads order by 1")
        return [outcomes, list(map(tuple, log)), tuple(task), list(map(tuple, heads))]
    finally:
        await connection.close()


def test_the_example_does_what_the_page_says(empty: str) -> None:
    upgrade(empty)
    outcomes, log, task, heads = anyio.run(_use, empty)
    assert outcomes == ["changed", "missing", "changed"]
    assert log == [("ann", 1, "create", None), ("ann", 2, "change", "2026-01-01"), ("ann", 3, "change", "2026-01-02")]
    assert task == ("2026-01-04", 3, 3, [1, 1, 1, 1, 3, 1])
    assert heads == [("ann", 3), ("bob", 0)]


def test_the_page_names_the_schema_of_this_version() -> None:
    assert set(re.findall(r"writes_\d+", PAGE)) == {SCHEMA}
