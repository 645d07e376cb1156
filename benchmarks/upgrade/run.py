"""Upgrades a database with a million tasks under load: the version before, the migration, both versions, the new one.

    python -m benchmarks.upgrade.run --before DIRECTORY [--kept DIRECTORY] [--users 5000] [--seconds 15]

`--before` is a checkout of the first release in which `make bench` ran. Its `seed` fills the database; with `--kept`
the seeded data stays in that directory and is copied for each run. Clients of 29 users write through all replicas that
run. Each answer is checked, and in the end all tasks and the whole log of changes. Exit status 1 if anything is wrong.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import uvloop

from benchmarks.compare.services import BEFORE, PROGRAM, Contender, contender, service_environment
from benchmarks.upgrade.client import Balancer, Replica
from benchmarks.upgrade.load import Load, Sizes
from benchmarks.upgrade.locks import Locks
from benchmarks.upgrade.others import untouched
from benchmarks.upgrade.seeded import TASKS_OF_A_USER, postgres
from tests.support.ledger_stored import compare_log, compare_tasks
from tests.support.performance_page import load_average, machine
from todo_api.cli.seed import seed_user
from todo_api.db.url import connect_arguments

_NEW: Final = "service"
"""The name of the new version's replica, as in benchmarks.compare."""


class Upgrade:
    def __init__(self, url: str, home: Path, options: argparse.Namespace) -> None:
        self.url = url
        self.home = home
        self.before: Path = options.before
        self.seconds: float = options.seconds
        self.balancer = Balancer()
        sizes = Sizes()
        chosen = range(0, options.users, max(1, options.users // sizes.users))[: sizes.users]
        self.users = [seed_user(number, 1) for number in chosen]
        self.load = Load(self.balancer, self.users, sizes)
        self.locks = Locks()
        self.phases: list[tuple[str, float, float]] = []
        """Name, begin and end."""
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            connection = await asyncpg.connect(**connect_arguments(self.url))
            stack.push_async_callback(connection.close)
            tasks = await connection.fetchval("select count(*) from tasks")
            print(f"{tasks} tasks, {machine('')}, load {load_average()}", flush=True)
            fingerprint = await untouched(connection, self.users)
            await self._under_load(stack, connection)
            ledger = self.load.ledger
            left = await compare_tasks(connection, ledger, self.users)
            print(f"tasks of the {len(self.users)} users with load: {left}; acknowledged writes: {len(ledger.writes)}")
            ledger.expect(await untouched(connection, self.users) == fingerprint, "another user's tasks changed")
            self.counts = await compare_log(connection, ledger, self.users, _NEW)

    async def _under_load(self, stack: AsyncExitStack, connection: asyncpg.Connection) -> None:
        old = await self._started(stack, BEFORE)
        async with asyncio.TaskGroup() as group:
            await self.load.start(group)
            with self._phase("the old version alone"):
                await asyncio.sleep(self.seconds)
            watching = group.create_task(self.locks.watch(connection))
            with self._phase("the migration"):
                await self._upgrade()
            watching.cancel()
            with self._phase("the old version on the new schema"):
                await asyncio.sleep(self.seconds)
            with self._phase("start of the new version"):
                await self._started(stack, _NEW)
            with self._phase("both versions"):
                await asyncio.sleep(2 * self.seconds)
            with self._phase("stop of the old version"):
                self.balancer.replicas = [each for each in self.balancer.replicas if each.name != BEFORE]
                await self.balancer.idle(BEFORE)
                old.family.head.terminate()
            with self._phase("the new version alone"):
                await asyncio.sleep(self.seconds)
            self.load.end()

    async def _started(self, stack: AsyncExitStack, name: str) -> Contender:
        """Starts a replica, then lets the balancer use it."""
        replica = await asyncio.to_thread(
            lambda: stack.enter_context(contender(name, self.url, self.home, self.before))
        )
        self.balancer.replicas.append(Replica(name, replica.port))
        return replica

    async def _upgrade(self) -> None:
        process = await asyncio.create_subprocess_exec(
            PROGRAM, "database", "upgrade", cwd=self.home, env=service_environment(self.url)
        )
        if await process.wait():
            raise RuntimeError("`todo-api database upgrade` failed")

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.phases.append((name, began, time.monotonic()))

    def report(self) -> str:
        lines = ["| phase | seconds | requests | a second | p50 | p99 | slowest | answers |"]
        lines.append("|---|--:|--:|--:|--:|--:|--:|---|")
        for name, began, ended in self.phases:
            answers = [each for each in self.balancer.answers if began <= each[0] < ended]
            slow = sorted(seconds for _, seconds, *_ in answers) or [0.0]
            p50, p99 = (1000 * slow[int(share * len(slow))] for share in (0.5, 0.99))
            counted = Counter(status for *_, status in answers)
            statuses = ", ".join(f"{number} × {status}" for status, number in counted.most_common())
            lines.append(
                f"| {name} | {ended - began:.1f} | {len(answers)} | {len(answers) / (ended - began):.0f} "
                f"| {p50:.0f} ms | {p99:.0f} ms | {1000 * slow[-1]:.0f} ms | {statuses} |"
            )
        written = "; ".join(f"{name}: {number}" for name, number in sorted(self.counts.items()))
        wrong = dict(self.load.ledger.wrong) or "nothing"
        return "\n".join([*lines, *self.locks.lines(), f"writes {written}", f"wrong: {wrong}"])


def _absolute(path: str) -> Path:
    return Path(path).resolve()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=_absolute, required=True, help="a checkout of the first release")
    parser.add_argument("--kept", type=_absolute, help="directory of the seeded data; filled by the first run")
    parser.add_argument("--users", type=int, default=5000, help=f"seeded users with {TASKS_OF_A_USER} tasks each")
    parser.add_argument("--seconds", type=float, default=15, help="of each phase")
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True))
        home = Path(directory)
        home.chmod(0o755)
        kept = options.kept or home / "kept"
        upgrade = Upgrade(stack.enter_context(postgres(home, kept, options.before, options.users)), home, options)
        uvloop.run(upgrade.run())
        print(upgrade.report())
        for log in home.glob("*.log"):
            errors = [line for line in log.read_text().splitlines() if "ERROR" in line or '"error"' in line]
            if errors:
                print(f"{log.name}: {len(errors)} errors, the first: {errors[0]}")
        return 1 if upgrade.load.ledger.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
