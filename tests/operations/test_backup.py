"""The commands for backup and restore in docs/operations.md work as printed."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from alembic import command as alembic

from tests.architecture.test_migrations import empty, run, tables
from tests.support.client import fresh_user
from tests.support.production import in_production, somebody
from todo_api.cli.embedded_postgres import _programs
from todo_api.db.migrations import alembic_config, upgrade

__all__ = ["empty"]
PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()


def printed(heading: str) -> str:
    """The first block of commands below a heading."""
    block: str = re.findall(r"```sh\n(.*?)```", PAGE.split(f"\n## {heading}\n")[1], re.DOTALL)[0]
    return block


def content(url: str) -> dict[str, list[tuple[object, ...]]]:
    return {table: sorted(tuple(row) for row in run(url, f'select * from "{table}"')) for table in tables(url)}


@pytest.fixture
def another(empty: str) -> Iterator[str]:
    name = urlsplit(empty).path[1:] + "_restored"
    run(empty, f"create database {name}")
    yield urlunsplit(urlsplit(empty)._replace(path=f"/{name}"))
    run(empty, f"drop database {name} with (force)")


def test_a_backup_is_taken_and_restored_as_printed(empty: str, another: str, tmp_path: Path) -> None:
    upgrade(empty)
    user = fresh_user("ann")
    with in_production(tmp_path, empty) as service, somebody(service, user) as ann:
        tasks = [ann.creates(title=f"täsk {n} 'quoted' \\ ✓", tags=["home", f"tag {n}"]) for n in range(20)]
        ann.patch(f"tasks/{tasks[0]['id']}", json={"description": "a\tb\nc", "due_date": "2026-12-24"})
        page = ann.get("tasks").json()
    programs = f"{_programs()}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-euc", printed("Backup and restore")],
        cwd=tmp_path,
        env={"PATH": programs, "DATABASE_URL": empty, "NEW_DATABASE_URL": another},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert content(another) == content(empty)
    assert len(content(another)["tasks"]) == 20
    alembic.check(alembic_config(another))
    with in_production(tmp_path, another) as service, somebody(service, user) as ann:
        assert ann.get("tasks").json() == page
        assert ann.creates(tags=["home"])["tags"] == ["home"]
