"""A PostgreSQL and a service for one run."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.service import Service, running
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.db.migrations import upgrade


@contextmanager
def service(**settings: str) -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="todo-api-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        with embedded_postgres(Path(home), {"fsync": "off"}) as url:
            upgrade(url)
            with running(Path(home), {"DATABASE_URL": url, **settings}) as started:
                yield started


def memory_mib(started: Service) -> float:
    """Resident memory of all worker processes."""
    workers = psutil.Process(started.process.pid).children(recursive=True)
    return sum(worker.memory_info().rss for worker in workers if worker.name() != "postgres") / 2**20
