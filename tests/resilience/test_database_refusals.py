"""A database that refuses, is too slow or is full: each case has its answer, and the service keeps running."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import anyio
import asyncpg
import httpx
import pytest

from tests.support.client import Person, fresh_user
from tests.support.postgres import Postgres, own_postgres
from tests.support.service import Service, running
from todo_api.db.url import connect_arguments

CALLERS = 12


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    code: str = answer.json()["code"]
    return code


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def execute(url: str, *statements: str) -> None:
    anyio.run(_execute, url, *statements)


@contextmanager
def somebody(directory: Path, url: str, **settings: str) -> Iterator[Person]:
    with (
        running(directory, {"DATABASE_URL": url, **settings}) as service,
        Person(service.url, fresh_user("ann")) as person,
    ):
        yield person


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("postgres@", f"{role}@")))


@pytest.fixture
def role(database_url: str) -> Iterator[str]:
    name = f"role_{uuid4().hex}"
    execute(database_url, f"create role {name} login in role pg_read_all_data, pg_write_all_data")
    yield name
    execute(database_url, f"drop role {name}")


async def _held(url: str, person: Person, task_id: str) -> list[httpx.Response]:
    """The answers to CALLERS concurrent changes of a task whose row another transaction has locked."""
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        async with connection.transaction():
            await connection.execute("select from tasks where user_id = $1 for update", person.user_id)
            with ThreadPoolExecutor(CALLERS) as threads:
                calls = [threads.submit(person.patch, f"tasks/{task_id}/complete") for _ in range(CALLERS)]
                return [call.result() for call in calls]
    finally:
        await connection.close()


def test_a_slow_statement_is_stopped_and_a_full_pool_is_busy(database_url: str, tmp_path: Path) -> None:
    with somebody(tmp_path, database_url, DB_POOL_SIZE="1", DB_MAX_OVERFLOW="0") as ann:
        task = ann.creates()
        answers = anyio.run(_held, database_url, ann, task["id"])
        codes = {refused(answer) for answer in answers}
        assert {"busy", "database_too_slow"} <= codes <= {"busy", "database_too_slow", "outcome_unknown"}
        assert max(answer.elapsed.total_seconds() for answer in answers) < 6
        assert ann.sees(task["id"]) == task
        assert ann.patch(f"tasks/{task['id']}/complete").json()["version"] == 2


def test_a_standby_is_read_only() -> None:
    with own_postgres() as primary, TemporaryDirectory(prefix="todo-api-") as directory:
        primary.stop()
        home = Path(directory)
        home.chmod(0o755)
        (primary.copy(home) / "standby.signal").touch()
        standby = Postgres(home)
        try:
            standby.start()
            with somebody(home, standby.url) as ann:
                assert refused(ann.post("tasks", json={"title": "a"})) == "read_only"
                assert ann.get("tasks").status_code == 200
        finally:
            standby.stop()


def test_too_many_connections_are_busy(database_url: str, role: str, tmp_path: Path) -> None:
    execute(database_url, f"alter role {role} connection limit 0")
    service = Service(tmp_path, {"DATABASE_URL": as_role(database_url, role)})
    try:
        service.wait_until_it_answers("/health")
        with Person(service.url, fresh_user("ann")) as ann:
            assert refused(ann.post("tasks", json={"title": "too soon"})) == "busy"
            execute(database_url, f"alter role {role} connection limit 5")
            ann.creates()
    finally:
        service.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_reported_and_reads_still_work(tmp_path: Path) -> None:
    mount = 'mkdir "$0" && mount -t tmpfs -o size=200k none "$0" && chown 65534 "$0" && exec "$@"'
    with TemporaryDirectory(prefix="todo-api-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        small = f"{directory}/small"
        with own_postgres("unshare", "-m", "sh", "-c", mount, small) as postgres:
            execute(
                postgres.url,
                f"create tablespace small location '{small}'",
                "alter table tasks set tablespace small",
            )
            with somebody(tmp_path, postgres.url) as ann:
                made = []
                for _ in range(2000):
                    answer = ann.post("tasks", json={"title": "x", "description": "d" * 1000, "tags": ["a"]})
                    if answer.status_code != 201:
                        break
                    made.append(answer.json()["id"])
                assert refused(answer) == "storage_full"
                assert len(made) > 10
                assert ann.get("tasks").json()["total"] == len(made)
                assert ann.get("tags").json() == [{"name": "a", "usage_count": len(made)}]
