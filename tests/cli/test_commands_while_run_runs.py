"""seed, check and database on the embedded PostgreSQL while `run` uses it."""

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.cli.test_run import EMBEDDED, embedded, postmaster
from tests.support.program import todo_api
from tests.support.service import Service, free_port
from todo_api.cli.embedded_postgres import embedded_postgres, running_or_embedded_postgres


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="t", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Service]:
    with embedded(home) as service:
        yield service


def test_seed_adds_tasks_that_the_service_shows(running: Service, home: Path) -> None:
    done = todo_api(home, "seed", "--user", "ann", "--tasks", "30", **EMBEDDED)
    assert done.returncode == 0, done.stderr
    token = todo_api(home, "token", "ann", **EMBEDDED).stdout.strip()
    answer = httpx.get(f"{running.url}/api/ann/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["total"] == 30


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["check"], "ok    migrations "),
        (["database", "current"], "(head)"),
        (["database", "upgrade"], ""),
        (["database", "check"], "No new upgrade operations detected."),
    ],
)
def test_a_command_uses_the_running_database_and_leaves_it_running(
    running: Service, home: Path, command: list[str], output: str
) -> None:
    before = postmaster(home / ".todo-api")
    done = todo_api(home, *command, **EMBEDDED)
    assert done.returncode == 0, done.stderr
    assert output in done.stdout
    assert postmaster(home / ".todo-api") == before
    assert httpx.get(f"{running.url}/health/ready").status_code == 200


def test_a_second_run_is_still_refused(running: Service, home: Path) -> None:
    second = todo_api(home, "run", PORT=str(free_port()), **EMBEDDED)
    assert second.returncode == 1
    assert re.search(rf"is in use by process {running.process.pid}: ", second.stderr)


def test_run_says_what_it_does_and_when_it_is_ready(running: Service) -> None:
    lines = running.log.read_text().splitlines()
    assert re.fullmatch(r"todo-api: creating a PostgreSQL database in \S+, about \d+ seconds, only this time", lines[0])
    assert [line.split()[0] for line in lines[1:4]] == ["API", "docs", "try"]
    assert "ready; press Ctrl-C to stop" in lines


def test_the_server_of_another_command_is_not_shared(home: Path) -> None:
    """It stops with its command, whatever others do with it."""
    own = home / "own"
    with (
        embedded_postgres(own, {"fsync": "off"}),
        pytest.raises(Exception, match="is in use by process"),
        running_or_embedded_postgres(own),
    ):
        raise AssertionError("it was shared")
