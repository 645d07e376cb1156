"""A Citus cluster for the tests, and a plain PostgreSQL of the same version beside it.

The scripts that install Citus and start the servers are in `../shared/citus`. Where that folder is missing, the tests
that need a cluster are skipped.
"""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, NoReturn
from urllib.parse import quote
from uuid import uuid4

import anyio
import asyncpg
import pytest

from tests.support.service import free_ports
from todo_api.cli.distribute import distribute
from todo_api.db.migrations import upgrade
from todo_api.db.url import connect_arguments

SCRIPTS: Final = Path(__file__).parents[3] / "shared/citus"
_INSTALLED: Final = (
    Path("/usr/lib/postgresql/15/lib/citus.so"),
    Path("/usr/share/postgresql/15/extension/citus.control"),
)

Node = Literal["coordinator", "worker1", "worker2", "plain"]
NODES: Final[tuple[Node, ...]] = ("coordinator", "worker1", "worker2", "plain")
WORKERS: Final[tuple[Node, ...]] = ("worker1", "worker2")
CITUS: Final[tuple[Node, ...]] = ("coordinator", *WORKERS)


def rows(url: str, *statements: str) -> list[asyncpg.Record]:
    """Runs statements in one session and returns the rows of the last one."""

    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(**connect_arguments(url))
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return list(await connection.fetch(statements[-1]))
        finally:
            await connection.close()

    return anyio.run(run)


class Cluster:
    """A coordinator, two workers and a plain PostgreSQL in `directory`, on four ports in a row."""

    def __init__(self, directory: Path, first_port: int) -> None:
        self.directory = directory
        self.ports: dict[Node, int] = {node: first_port + offset for offset, node in enumerate(NODES)}

    def url(self, node: Node = "coordinator", database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.ports[node]}/{database}?sslmode=disable"

    def socket_url(self, node: Node = "coordinator") -> str:
        """For the proxies of the tests, which connect to a Unix socket."""
        return f"postgresql://postgres@/postgres?host={quote(str(self.directory), safe='')}&port={self.ports[node]}"

    def start(self) -> None:
        try:
            self._script("start", str(self.directory), str(self.ports["coordinator"]))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._script("stop", str(self.directory))

    def kill(self, node: Node) -> None:
        """Ends it as SIGKILL does. Use it in a cluster of your own: other tests share the one of the test run."""
        self._script("kill", str(self.directory), node)

    def up(self, node: Node) -> None:
        self._script("up", str(self.directory), node)

    def _script(self, *arguments: str) -> None:
        done = subprocess.run(
            ["sh", SCRIPTS / "start-cluster.sh", *arguments],
            env={**os.environ, "FSYNC": "off"},
            stdin=subprocess.DEVNULL,
            # A file, not a pipe: the servers inherit it, and a pipe would end only with them.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"start-cluster.sh {' '.join(arguments)}: {self._logs()}"

    def _logs(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in sorted(self.directory.glob("*.log")))

    def distribute(self) -> None:
        """Migrates the shared database and distributes it, once for the test run, and migrates the plain one."""
        with _one_at_a_time(self.directory.with_suffix(".lock")):
            done = self.directory.with_suffix(".distributed")
            if not done.exists():
                for node in ("coordinator", "plain"):
                    upgrade(self.url(node))
                distribute(self.url())
                done.touch()

    @contextmanager
    def database(self) -> Iterator[str]:
        """The name of a new, empty database on every node: a cluster of its own, which ends with the block."""
        name = f"empty_{uuid4().hex}"
        for node in NODES:
            rows(self.url(node), f"create database {name}", f"alter database {name} set citus.shard_count = 4")
        for node in CITUS:
            rows(self.url(node, name), "create extension citus")
        rows(
            self.url(database=name),
            f"select citus_set_coordinator_host('127.0.0.1', {self.ports['coordinator']})",
            *(f"select citus_add_node('127.0.0.1', {self.ports[worker]})" for worker in WORKERS),
        )
        try:
            yield name
        finally:
            for node in NODES:
                rows(self.url(node), f"drop database {name} with (force)")


@contextmanager
def _one_at_a_time(file: Path) -> Iterator[None]:
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install() -> None:
    """Puts Citus into this machine's PostgreSQL 15, if it is not there yet. Several test runs may ask at once."""
    if not SCRIPTS.is_dir():
        pytest.skip("there is no Citus for the tests on this machine: ../shared/citus is missing")
    with _one_at_a_time(Path(tempfile.gettempdir(), f"todo-api-citus-{os.getuid()}.lock")):
        if all(path.exists() for path in _INSTALLED):
            return
        done = subprocess.run(
            ["sh", SCRIPTS / "install.sh"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    if done.returncode != 0:
        _missing(f"Citus cannot be installed: {done.stderr[-500:]}")


def _missing(reason: str) -> NoReturn:
    """Fails in CI and skips elsewhere: a developer may not be root."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """A cluster for one test, which may kill its nodes. It starts in seven seconds on an idle machine."""
    install()
    with tempfile.TemporaryDirectory(prefix="todo-api-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        cluster = Cluster(Path(home, "cluster"), free_ports(len(NODES)))
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


def shared_cluster(directory: Path) -> Cluster:
    """The cluster of the test run: the first test process that asks starts it, and the main process stops it."""
    install()
    with _one_at_a_time(directory.with_suffix(".lock")):
        port = directory.with_suffix(".port")
        if not port.exists():
            cluster = Cluster(directory, free_ports(len(NODES)))
            cluster.start()
            port.write_text(str(cluster.ports["coordinator"]))
        return Cluster(directory, int(port.read_text()))


def stop_shared_cluster(directory: Path) -> None:
    """Does nothing if no test wanted it."""
    port = directory.with_suffix(".port")
    if port.exists():
        Cluster(directory, int(port.read_text())).stop()
