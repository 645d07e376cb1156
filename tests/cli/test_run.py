"""todo-api run, on its embedded default."""

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import pytest

from tests.support.client import Person, fresh_user
from tests.support.program import todo_api
from tests.support.service import Service, free_port

EMBEDDED = {"BETTER_AUTH_SECRET": ""}


@contextmanager
def embedded(directory: Path, *options: str, **settings: str) -> Iterator[Service]:
    service = Service(directory, {**EMBEDDED, **settings}, *options)
    try:
        service.wait_until_it_answers()
        yield service
    finally:
        service.stop()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose path is short enough for a Unix socket, unlike pytest's own."""
    with TemporaryDirectory(prefix="t", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


def printed(service: Service) -> str:
    return service.log.read_text()


def pasted(service: Service) -> str:
    """The output of the curl line that the service printed last."""
    line = re.findall(r"^try +(curl .*)$", printed(service), re.MULTILINE)[-1]
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
    return done.stdout


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def workers_of(service: Service) -> set[int]:
    children = psutil.Process(service.process.pid).children()
    return {child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE}


def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_prints_its_addresses_and_stops_with_its_database(tmp_path: Path, sign: signal.Signals) -> None:
    with embedded(tmp_path) as service:
        assert pasted(service) == '{"data":[],"total":0,"limit":50,"offset":0,"next_cursor":null}'
        assert f"docs  {service.url}/docs" in printed(service)
        assert httpx.get(f"{service.url}/docs").status_code == 200
        database = postmaster(tmp_path / ".todo-api")
        assert service.stop(sign) == 0
        assert gone(database)
    assert (tmp_path / ".todo-api" / "better-auth-secret").stat().st_mode & 0o777 == 0o600


def test_data_and_tokens_survive_restarts_and_kills(tmp_path: Path) -> None:
    home = tmp_path / ".todo-api"
    with embedded(tmp_path, "--workers", "2") as service:
        line = re.findall(r"^try +(curl .*)$", printed(service), re.MULTILINE)[-1]
        create = [*shlex.split(line), "-H", "Content-Type: application/json", "-d"]
        subprocess.run([*create, '{"title": "one", "tags": ["a"]}'], check=True, capture_output=True)
        port = service.port
        os.kill(service.process.pid, signal.SIGKILL)
    with embedded(tmp_path, PORT=str(port)) as service:
        assert service.port == port
        subprocess.run([*create, '{"title": "two", "tags": ["a"]}'], check=True, capture_output=True)
        os.kill(postmaster(home), signal.SIGKILL)
    with embedded(tmp_path, PORT=str(port)) as service:
        answer = pasted(service)
        assert '"total":2' in answer
        assert answer.count('"tags":["a"]') == 2


def test_a_killed_service_leaves_no_worker(tmp_path: Path) -> None:
    with embedded(tmp_path, "--workers", "2") as service:
        children = psutil.Process(service.process.pid).children()
        workers = [child.pid for child in children if child.name() != "postgres"]
        (postgres,) = (child for child in children if child.name() == "postgres")
        assert len(workers) == 2
        os.kill(service.process.pid, signal.SIGKILL)
        try:
            assert all(gone(worker) for worker in workers)
        finally:
            # Otherwise it would run until the next start on its data.
            postgres.send_signal(signal.SIGINT)
            postgres.wait(10)


def test_a_second_start_on_the_same_data_is_refused_with_one_line(tmp_path: Path) -> None:
    with embedded(tmp_path) as service:
        second = todo_api(tmp_path, "run", PORT=str(free_port()), **EMBEDDED)
        assert second.returncode == 1
        assert re.fullmatch(
            rf"todo-api: {re.escape(str(tmp_path / '.todo-api'))} is in use by process {service.process.pid}: .*\n",
            second.stderr,
        )
        assert httpx.get(f"{service.url}/health/ready").status_code == 200


def test_a_port_in_use_is_refused_with_one_line(service: Service, database_url: str, tmp_path: Path) -> None:
    second = todo_api(tmp_path, "run", PORT=str(service.port), DATABASE_URL=database_url)
    assert second.returncode == 1
    assert re.fullmatch(rf"todo-api: cannot listen on 127.0.0.1:{service.port} \(.*\): .*PORT\n", second.stderr)


def test_it_works_in_a_path_with_spaces_and_quotes(short_path: Path) -> None:
    directory = short_path / "a b \"c\" 'd' $e"
    directory.mkdir()
    with embedded(directory) as service:
        assert '"total":0' in pasted(service)


def test_a_path_with_a_comma_is_refused_with_advice(tmp_path: Path) -> None:
    done = todo_api(tmp_path, "run", TODO_API_HOME="a,b", **EMBEDDED)
    assert done.returncode == 1
    assert re.fullmatch(r"todo-api: TODO_API_HOME has a comma, .*: set it to a path without\n", done.stderr)


def test_a_path_too_long_for_a_socket_is_refused_with_advice(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 100)
    done = todo_api(tmp_path, "run", TODO_API_HOME=str(home), **EMBEDDED)
    assert done.returncode == 1
    assert re.fullmatch(
        r"todo-api: TODO_API_HOME is too long a path .*: set it to a shorter one than .*\n", done.stderr
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up privileges")
def test_root_runs_it_below_a_directory_that_only_root_may_enter(short_path: Path) -> None:
    closed = short_path / "closed"
    closed.mkdir(mode=0o700)
    with embedded(closed) as service:
        assert '"total":0' in pasted(service)
        assert psutil.Process(postmaster(closed / ".todo-api")).uids().effective == 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_normal_user_runs_it(short_path: Path) -> None:
    home = short_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    short_path.chmod(0o755)
    script = (
        "import sys; from pathlib import Path; from todo_api.cli.embedded_postgres import embedded_postgres\n"
        "with embedded_postgres(Path(sys.argv[1])) as url: print(url)"
    )
    python = Path(os.path.realpath(psutil.Process().exe()))
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+dac_read_search",
         "--ambient-caps=+dac_read_search", python, "-c", script, home],
        env={"PYTHONPATH": os.pathsep.join(p for p in __import__("sys").path if p)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("postgresql://postgres@/postgres?host=")


def test_several_workers_share_the_work(database_url: str, tmp_path: Path) -> None:
    service = Service(tmp_path, {"DATABASE_URL": database_url}, "--workers", "2")
    try:
        service.wait_until_it_answers()
        children = psutil.Process(service.process.pid).children()
        assert len(children) == 2
        with Person(service.url, fresh_user("ann")) as ann:
            task = ann.creates()
            for _ in range(20):
                with Person(service.url, ann.user_id) as again:
                    assert again.sees(task["id"]) == task
        children[0].kill()
        assert gone(children[0].pid)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and len(workers_of(service)) < 2:
            time.sleep(0.05)
        assert len(workers_of(service) - {children[0].pid}) == 2
    finally:
        assert service.stop() == 0
