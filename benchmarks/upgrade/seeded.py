"""A PostgreSQL with the schema and the tasks of the version before. Seeding takes minutes, so its data may be kept."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.compare.services import service_environment
from benchmarks.measure.postgres import SHARED_BUFFERS
from todo_api.cli.embedded_postgres import embedded_postgres

TASKS_OF_A_USER: Final = 200
_SEED_OPTIONS: Final = {"shared_buffers": SHARED_BUFFERS, "fsync": "off", "max_wal_size": "8GB"}


def seed(home: Path, before: Path, users: int) -> None:
    """Makes the data directory in `home`. The version before migrates it and seeds it."""
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    with embedded_postgres(home, _SEED_OPTIONS) as url:
        environment = service_environment(url) | {"PYTHONPATH": str(before)}
        program = str(before / ".bench/bin/todo-api")
        sizes = ["--users", str(users), "--tasks", str(TASKS_OF_A_USER)]
        for arguments in (["database", "upgrade"], ["seed", *sizes]):
            subprocess.run([program, *arguments], cwd=home, env=environment, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def postgres(home: Path, kept: Path, before: Path, users: int) -> Iterator[str]:
    """Yields the URL of a PostgreSQL on a copy, in `home`, of the data in `kept`. Seeds `kept` if it is empty."""
    if not (kept / "postgres").exists():
        seed(kept, before, users)
    copied = subprocess.run(["cp", "-a", str(kept / "postgres"), str(home / "postgres")], check=False)
    if copied.returncode:
        raise RuntimeError(f"{kept} could not be copied to {home}")
    with embedded_postgres(home, {"shared_buffers": SHARED_BUFFERS}) as url:
        yield url
