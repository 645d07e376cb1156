"""Migrations upgrade, match the tables in the code, downgrade to an empty database and upgrade again."""

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import anyio
import asyncpg
import pytest
from alembic import command as alembic
from alembic.script import ScriptDirectory

from todo_api.db.casefold import fold, fold_title
from todo_api.db.migrations import alembic_config, upgrade
from todo_api.db.schema import REVISIONS
from todo_api.db.tables import METADATA
from todo_api.db.url import connect_arguments


async def _run(url: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


def run(url: str, sql: str) -> list[asyncpg.Record]:
    return anyio.run(_run, url, sql)


@pytest.fixture
def empty(database_url: str) -> Iterator[str]:
    """The URL of a new, empty database."""
    name = f"empty_{uuid4().hex}"
    run(database_url, f"create database {name}")
    yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    run(database_url, f"drop database {name} with (force)")


def tables(url: str) -> set[str]:
    return {row[0] for row in run(url, "select tablename from pg_tables where schemaname = 'public'")}


def test_upgrade_check_and_downgrade_work_twice(empty: str) -> None:
    config = alembic_config(empty)
    for _ in range(2):
        upgrade(empty)
        alembic.check(config)
        assert tables(empty) == {"alembic_version", *METADATA.tables}
        alembic.downgrade(config, "base")
        assert tables(empty) == {"alembic_version"}


def test_the_files_of_the_migrations_are_named_after_their_revisions_in_order() -> None:
    """Readiness knows the revisions from these names."""
    scripts = list(ScriptDirectory.from_config(alembic_config("postgresql://nowhere")).walk_revisions())[::-1]
    assert [script.revision for script in scripts] == list(REVISIONS)


def test_each_migration_can_be_downgraded(empty: str) -> None:
    config = alembic_config(empty)
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]
    for revision in revisions:
        alembic.upgrade(config, revision)
        alembic.downgrade(config, "-1")
        alembic.upgrade(config, revision)


def test_a_failing_migration_changes_nothing(empty: str) -> None:
    run(empty, "create table task_tags (squatter int)")
    with pytest.raises(Exception, match="task_tags"):
        upgrade(empty)
    assert tables(empty) == {"task_tags"}


def test_the_owner_is_in_every_key(empty: str) -> None:
    upgrade(empty)
    keys = run(
        empty,
        """
        select conname, pg_get_constraintdef(oid) as definition from pg_constraint
        where contype in ('p', 'f', 'u') and connamespace = 'public'::regnamespace
            and conrelid <> 'alembic_version'::regclass
        """,
    )
    assert len(keys) >= 5
    for key in keys:
        for columns in key["definition"].split("(")[1:]:
            assert columns.startswith(("user_id, ", "user_id)")), key


def test_the_search_columns_of_existing_rows_are_filled(empty: str) -> None:
    alembic.upgrade(alembic_config(empty), "0001")
    run(
        empty,
        """
        insert into tasks (user_id, id, title, description, priority)
        select 'ann' || n % 7, gen_random_uuid(), 'STRAßE İ ' || n, case n % 2 when 1 then 'É' || n end, 1
        from generate_series(1, 4100) as n
        """,
    )
    run(empty, "insert into tags (user_id, name) select 'ann', 'ÉÉ' || n from generate_series(1, 2001) as n")
    upgrade(empty)
    tasks = run(empty, "select title, description, title_folded, description_folded, stems::text from tasks")
    assert len(tasks) == 4100
    for task in tasks:
        assert task["title_folded"] == fold_title(task["title"])
        assert task["description_folded"] == fold(task["description"] or "")
        assert "'strass'" in task["stems"]
    tags = run(empty, "select name, name_folded from tags")
    assert len(tags) == 2001
    assert all(tag["name_folded"] == fold(tag["name"]) for tag in tags)
