"""The PostgreSQL of the benchmarks: the embedded one with larger buffers and an empty data directory."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.measure.processes import Family
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.cli.seed import seed_database
from todo_api.db.migrations import upgrade
from todo_api.db.url import connect_arguments

SHARED_BUFFERS = "1GB"


class Server:
    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home
        self.family = Family(int((home / "postgres/postmaster.pid").read_text().split()[0]))

    def database(self, name: str) -> str:
        """The URL of a new database, which has the schema."""
        self.run(f"create database {name}")
        url = self.url.replace("@/postgres?", f"@/{name}?")
        upgrade(url)
        return url

    def run(self, *statements: str, url: str = "") -> Any:
        """The first value of the last statement."""
        return asyncio.run(_run(url or self.url, statements))

    @property
    def version(self) -> str:
        return str(self.run("show server_version")).split()[0]


async def _run(url: str, statements: tuple[str, ...]) -> Any:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        for statement in statements:
            value = await connection.fetchval(statement)
        return value
    finally:
        await connection.close()


@contextmanager
def server(**options: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        home.chmod(0o755)
        with embedded_postgres(home, {"shared_buffers": SHARED_BUFFERS, **options}) as url:
            yield Server(url, home)


def seed(url: str, *, users: int, tasks: int, number: int = 1) -> None:
    """`number`: the seed of the random data. Another seed makes other users."""
    asyncio.run(seed_database(url, users=users, tasks=tasks, seed=number, done=lambda _: None))
