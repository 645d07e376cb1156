"""A PostgreSQL for one test, which may kill it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.service import free_port
from todo_api.cli.embedded_postgres import _create, _programs, _Runner
from todo_api.db.migrations import upgrade

START_SECONDS = 30


class Postgres:
    """Listens on a TCP port that stays the same over restarts."""

    def __init__(self, home: Path, *prefix: str) -> None:
        """`prefix`: a command that runs the server, such as `setpriv` with its options."""
        self.home = home
        self.data = home / "postgres"
        self.port = free_port()
        self.log = home / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._run = _Runner(_programs(), home)
        self._server = _Runner(_programs(), home)
        self._server.prefix = [*prefix, *self._run.prefix]
        self.settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        if not self.data.exists():
            _create(self._run, self.data)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def start(self) -> None:
        """Starts it and waits for connections. After a kill, orphaned processes must first release its memory."""
        deadline = time.monotonic() + START_SECONDS
        while not self._takes_connections():
            if self.process is None or self.process.poll() is not None:
                settings = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
                self.process = self._server.start("postgres", "-D", str(self.data), *settings, log=self.log)
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.02)

    def _takes_connections(self) -> bool:
        return self._run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), log=self.log)

    def stop(self, sign: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown. SIGKILL leaves the data to crash recovery."""
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(30)

    def copy(self, home: Path) -> Path:
        """Copies the data for another server, while this one is stopped."""
        shutil.copytree(self.data, home / "postgres", copy_function=_copy_with_owner)
        os.chown(home / "postgres", self.data.stat().st_uid, self.data.stat().st_gid)
        for directory, names, _ in os.walk(home / "postgres"):
            for name in names:
                os.chown(Path(directory, name), self.data.stat().st_uid, self.data.stat().st_gid)
        return home / "postgres"


def _copy_with_owner(source: str, target: str) -> None:
    shutil.copy2(source, target)
    owner = Path(source).stat()
    os.chown(target, owner.st_uid, owner.st_gid)


@contextmanager
def own_postgres(*prefix: str) -> Iterator[Postgres]:
    """A running PostgreSQL with the migrated schema."""
    with TemporaryDirectory(prefix="todo-api-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        postgres = Postgres(Path(directory), *prefix)
        try:
            postgres.start()
            upgrade(postgres.url)
            yield postgres
        finally:
            postgres.stop()
