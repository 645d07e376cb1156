"""Debian's PostgreSQL 15, for what the embedded PostgreSQL has not: the extension plpgsql_check."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.support.postgres import Postgres
from tests.support.service import free_port
from todo_api.cli.embedded_postgres import _NOBODY, _Runner

HOME: Final = Path("/usr/lib/postgresql/15")
CHECKER: Final = HOME / "lib/plpgsql_check.so"


class Postgres15(Postgres):
    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "postgres"
        self.port = free_port()
        self.log = home / "postgres.log"
        self.process = None
        self._run = self._server = _Runner(HOME / "bin", home)
        self.settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        self.data.mkdir(mode=0o700)
        if self._run.as_root:
            os.chown(self.data, _NOBODY, _NOBODY)
        created = self._run(
            *("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
            *("--locale=C.UTF-8", "--no-sync", "--no-instructions"),
            log=self.log,
        )
        assert created, self.log.read_text()


@contextmanager
def postgres15() -> Iterator[Postgres15]:
    """A running server with an empty database."""
    with TemporaryDirectory(prefix="todo-api-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        postgres = Postgres15(Path(directory))
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.stop()
            shutil.rmtree(postgres.data, ignore_errors=True)
