"""The service behind PgBouncer in transaction mode, as a version before 1.21: without prepared statements."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.client import Person, fresh_user
from tests.support.day import steps
from tests.support.program import todo_api
from tests.support.proxy import socket_of
from tests.support.service import Service, free_port, running

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
CLIENTS = 8

pytestmark = pytest.mark.skipif(
    PGBOUNCER is None and os.environ.get("CI") != "true", reason="there is no pgbouncer: apt-get install pgbouncer"
)


@pytest.fixture(scope="module")
def pooler(database_url: str) -> Iterator[str]:
    """The URL of a PgBouncer with three connections to the database."""
    port = free_port()
    with TemporaryDirectory(prefix="todo-api-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"postgres = host={Path(socket_of(database_url)).parent} user=postgres\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            "auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n"
        )
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        assert PGBOUNCER is not None, "pgbouncer is not installed"
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [*as_nobody, PGBOUNCER, directory / "pgbouncer.ini"], stdout=log, stderr=log, cwd="/"
            )
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        finally:
            process.terminate()
            process.wait(10)


def day(service: Service, number: int) -> list[int]:
    with Person(service.url, fresh_user(f"user{number}")) as person:
        return [call(person).status_code for _ in range(3) for _, call in steps()]


def test_with_pgbouncer_true_everything_works(pooler: str, tmp_path: Path) -> None:
    with running(tmp_path, {"DATABASE_URL": f"{pooler}&pgbouncer=true"}) as service:
        with ThreadPoolExecutor(CLIENTS) as threads:
            answers = [*threads.map(lambda number: day(service, number), range(CLIENTS))]
        assert {status for one in answers for status in one} <= {200, 201, 204, 304, 404, 409, 410, 412}
        assert all(one == answers[0] for one in answers)
        log = service.log.read_text()
        assert 'File "' not in log
        assert "prepared statement" not in log


def test_without_pgbouncer_true_the_log_names_the_parameter(pooler: str, tmp_path: Path) -> None:
    service = Service(tmp_path, {"DATABASE_URL": pooler})
    try:
        service.wait_until_it_answers("/health")
        with Person(service.url, fresh_user("ann")) as ann:
            began = time.monotonic()
            assert ann.get("tasks").status_code == 503
            assert time.monotonic() - began < 2
        assert re.search(r"away: .*startup parameter.*add pgbouncer=true to DATABASE_URL\b", service.log.read_text())
    finally:
        service.stop()


@pytest.mark.parametrize("parameter", ["", "&pgbouncer=true"])
def test_migrations_refuse_a_pooler_with_one_line(pooler: str, tmp_path: Path, parameter: str) -> None:
    done = todo_api(tmp_path, "database", "upgrade", DATABASE_URL=pooler + parameter)
    assert done.returncode == 1
    assert re.fullmatch(
        r"todo-api: DATABASE_URL leads to a connection pooler: [^\n]*without `-pooler`\)\n", done.stderr
    )
