"""`database upgrade` beside transactions that hold locks, as a backup does: docs/operations.md, "Migrations"."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

import asyncpg
import pytest
from anyio.from_thread import start_blocking_portal

from tests.architecture.test_migrations import empty, run
from tests.support.client import Person, fresh_user
from tests.support.service import environment, running
from todo_api.db.migrations import upgrade
from todo_api.db.schema import MIGRATIONS, REVISIONS
from todo_api.db.url import connect_arguments

__all__ = ["empty"]
_WRITERS: Final = 4
_BACKUP_SECONDS: Final = 6
"""Longer than a request may wait for the database."""
_COMMAND: Final = """
import sys
from todo_api.cli import main
from todo_api.db import migrations
from todo_api.db.migrations import alembic_config

directory, patience = sys.argv[1:]

def changed(url):
    config = alembic_config(url)
    config.set_main_option("script_location", directory)
    config.attributes["patience"] = float(patience)
    return config

migrations.alembic_config = changed
sys.argv[1:] = ["database", "upgrade"]
main.main()
"""
_MIGRATION: Final = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "{revision}", "{before}", None, None

def upgrade() -> None:
    {upgrade}
"""
_ADD_COLUMN: Final = 'op.execute("alter table tasks add column place text")'
_ADD_INDEX: Final = """
    with op.get_context().autocommit_block():
        op.create_index("ix_place", "tasks", ["user_id", "title"], postgresql_concurrently=True)
"""


@pytest.fixture
def migrated(empty: str) -> str:
    """The URL of a database with the tables of this version."""
    upgrade(empty)
    return empty


@contextmanager
def upgrading(url: str, directory: Path, *upgrades: str, patience: float = 60) -> Iterator[subprocess.Popen[str]]:
    """Runs `todo-api database upgrade` with further migrations, the bodies of whose upgrades are `upgrades`."""
    migrations = directory / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    before = REVISIONS[-1]
    for number, body in enumerate(upgrades, 9001):
        text = _MIGRATION.format(revision=number, before=before, upgrade=body.strip())
        (migrations / "versions" / f"{number}_more.py").write_text(text)
        before = str(number)
    command = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, migrations, str(patience)],
        env=environment(DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield command
    finally:
        command.kill()
        command.communicate()


@contextmanager
def backup(url: str, isolation: str = "read committed") -> Iterator[int]:
    """An open transaction with the lock that `pg_dump` takes. Yields the id of its server process."""
    arguments = connect_arguments(url)
    arguments["server_settings"] |= {"application_name": "pg_dump"}
    with start_blocking_portal() as portal:
        connection = portal.call(partial(asyncpg.connect, **arguments))
        try:
            portal.call(connection.execute, f"begin isolation level {isolation}; lock table tasks in access share mode")
            portal.call(connection.execute, "select count(*) from tasks")
            yield connection.get_server_pid()
        finally:
            portal.call(connection.close)


def revision_of(url: str) -> str:
    revision: str = run(url, "select version_num from alembic_version")[0][0]
    return revision


def test_clients_write_while_an_upgrade_waits_for_a_backup(migrated: str, tmp_path: Path) -> None:
    done = Event()

    def write(url: str) -> list[tuple[int, float]]:
        answers = []
        with Person(url, fresh_user("ann")) as person:
            while not done.is_set():
                began = time.monotonic()
                answer = person.post("tasks", json={"title": "a"})
                answers.append((answer.status_code, time.monotonic() - began))
                done.wait(0.05)
        return answers

    with (
        ThreadPoolExecutor(_WRITERS) as threads,
        running(tmp_path, {"DATABASE_URL": migrated}) as service,
    ):
        writers = [threads.submit(write, service.url) for _ in range(_WRITERS)]
        try:
            with backup(migrated), upgrading(migrated, tmp_path, _ADD_COLUMN) as command:
                wait_for_row(migrated, "select from pg_locks where not granted and mode = 'AccessExclusiveLock'")
                time.sleep(_BACKUP_SECONDS)
                assert command.poll() is None
                assert revision_of(migrated) == REVISIONS[-1]
                # Outside of this block, the command would be killed.
                run(migrated, "select pg_terminate_backend(pid) from pg_stat_activity where application_name='pg_dump'")
                _, errors = command.communicate(timeout=30)
                assert (command.returncode, errors) == (0, "")
        finally:
            done.set()
        answers = [answer for writer in writers for answer in writer.result()]
        assert {status for status, _ in answers} == {201}
        assert max(seconds for _, seconds in answers) < 3
    assert revision_of(migrated) == "9001"


def test_an_upgrade_that_gets_no_lock_names_the_transaction_and_changes_nothing(migrated: str, tmp_path: Path) -> None:
    with backup(migrated) as pid, upgrading(migrated, tmp_path, _ADD_COLUMN, patience=2) as command:
        output, errors = command.communicate(timeout=60)
    assert (command.returncode, output) == (1, "")
    assert errors.startswith(f"todo-api: process {pid} (pg_dump, its transaction is open for ")
    assert f"pg_terminate_backend({pid})" in errors
    assert errors.count("\n") == 1
    assert revision_of(migrated) == REVISIONS[-1]
    assert run(migrated, "select from pg_attribute where attname = 'place'") == []


def test_an_index_is_made_once_although_the_next_migration_waits(migrated: str, tmp_path: Path) -> None:
    """A snapshot delays the index for longer than the time-out of a lock. The next migration then gets no lock."""
    with (
        backup(migrated),
        backup(migrated, "repeatable read") as snapshot,
        upgrading(migrated, tmp_path, _ADD_INDEX, _ADD_COLUMN) as command,
    ):
        wait_for_row(migrated, "select from pg_class where relname = 'ix_place'")
        time.sleep(2)
        assert command.poll() is None
        run(migrated, f"select pg_terminate_backend({snapshot})")
        time.sleep(4)
        assert (command.poll(), revision_of(migrated)) == (None, "9001")
        run(migrated, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_dump'")
        _, errors = command.communicate(timeout=30)
        assert (command.returncode, errors) == (0, "")
    assert revision_of(migrated) == "9002"
    assert run(migrated, "select indisvalid from pg_index where indexrelid = 'ix_place'::regclass")[0][0]


def wait_for_row(url: str, sql: str) -> None:
    deadline = time.monotonic() + 120
    while not run(url, sql):
        assert time.monotonic() < deadline
        time.sleep(0.1)
