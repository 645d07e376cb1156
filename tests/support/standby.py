"""A standby of one node of a cluster: PostgreSQL's streaming replication, by the commands in docs/scaling.md."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.cluster import Cluster, Node, rows
from tests.support.service import free_port

_BIN: Final = "/usr/lib/postgresql/15/bin"


class Standby:
    def __init__(self, cluster: Cluster, of: Node) -> None:
        self.port = free_port()
        self._primary = cluster.ports[of]
        self._url = cluster.url(of)
        self._data = cluster.directory / "standby"

    def start(self) -> None:
        """Copies the node, follows it, and makes its commits wait for the standby."""
        copy = f"{_BIN}/pg_basebackup -h 127.0.0.1 -p {self._primary} -U postgres -c fast -D {self._data}"
        _run(f"{copy} --write-recovery-conf --create-slot --slot=standby", self._data)
        _run(f"echo 'port = {self.port}' >> {self._data}/postgresql.conf", self._data)
        self._control("start")
        rows(self._url, "alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")

    def promote(self) -> None:
        self._control("promote")

    def stop(self) -> None:
        self._control("stop -m fast")

    def _control(self, action: str) -> None:
        _run(f"{_BIN}/pg_ctl -D {self._data} -l {self._data}.log -w {action}", self._data)


def _run(command: str, data: Path) -> None:
    """As the owner of the servers: as root, PostgreSQL does not run."""
    shell = ["su", "postgres", "-s", "/bin/sh", "-c"] if os.geteuid() == 0 else ["sh", "-c"]
    log = data.with_suffix(".commands.log")
    with log.open("ab") as output:
        # A file, not a pipe: the server inherits it.
        done = subprocess.run([*shell, command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    assert done.returncode == 0, f"{command}: {log.read_text()[-2000:]}"


@contextmanager
def standby_of(cluster: Cluster, node: Node) -> Iterator[Standby]:
    standby = Standby(cluster, node)
    standby.start()
    try:
        yield standby
    finally:
        standby.stop()
