"""1000 users at once, by Locust, on the same machine as the service and PostgreSQL.

    python -m benchmarks.load.run [--users 1000] [--seconds 120] [--workers 1]

Ends with 1 unless no request failed, 95 % were answered within 100 ms and, in a run of five minutes or more, memory
stayed flat. A run of 1000 users or more writes its part of docs/performance.md; Locust's own report is in .load/.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from benchmarks.compare.services import service_command, service_environment
from benchmarks.compare.startup import wait_until_ready
from benchmarks.load.memory import EVERY_SECONDS, Watch
from benchmarks.load.report import Load, draw, rows_of, text
from benchmarks.measure.postgres import Server, seed, server
from benchmarks.measure.processes import Family
from benchmarks.measure.progress import Progress
from tests.support.performance_page import ROOT, load_average, machine, write_part
from tests.support.service import free_port

TASKS: Final = 200
ARRIVE_PER_SECOND: Final = 50
REPORT: Final = ROOT / ".load"
_SEED_SECONDS: Final = 25
_MANY: Final = 1000


@contextmanager
def service(postgres: Server, url: str, workers: int) -> Iterator[tuple[str, Family]]:
    """Yields the service's URL and its processes."""
    port = free_port()
    where, log = f"http://127.0.0.1:{port}", postgres.home / "service.log"
    with log.open("wb") as output, httpx.Client(base_url=where) as client:
        process = subprocess.Popen(
            [*service_command(port), "--workers", str(workers)],
            cwd=postgres.home,
            env=service_environment(url),
            stdout=output,
            stderr=output,
        )
        try:
            wait_until_ready(client, process, log)
            yield where, Family(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def locust(where: str, url: str, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    REPORT.mkdir(exist_ok=True)
    users, arriving = str(options.users), str(ARRIVE_PER_SECOND)
    command: list[str | Path] = [
        Path(sys.executable).with_name("locust"), "--headless", "--only-summary", "--host", where,
        "-f", ROOT / "benchmarks/load/locustfile.py", "-u", users, "-r", arriving, "-t", f"{options.seconds}s",
        "--html", REPORT / "report.html", "--csv", REPORT / "load",
    ]  # fmt: skip
    with (REPORT / "locust.log").open("wb") as log:
        return subprocess.Popen(command, env=service_environment(url), stdout=log, stderr=log)


def run(options: argparse.Namespace, progress: Progress) -> Load:
    with server() as postgres:
        where, load = machine(postgres.version), load_average()
        progress("seeding", _SEED_SECONDS * options.users / _MANY)
        url = postgres.database("load")
        seed(url, users=options.users, tasks=TASKS)
        with service(postgres, url, options.workers) as (address, family):
            users = locust(address, url, options)
            families = {"the service": family, "PostgreSQL": postgres.family, "Locust": Family(users.pid)}
            try:
                with Watch(families, lambda: progress(f"{options.users} users at once", EVERY_SECONDS)) as watch:
                    users.wait(options.seconds + 60)
            finally:
                users.terminate()
    # Locust exits with 1 if a request failed, which the report shows. It goes on after an exception in the users' code.
    if users.returncode not in (0, 1) or rows_of(REPORT / "load_exceptions.csv"):
        raise RuntimeError((REPORT / "locust.log").read_text())
    rows = rows_of(REPORT / "load_stats.csv")
    return Load(where, load, options.users, options.seconds, options.workers, rows, watch.cores, watch.samples)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=_MANY)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    progress = Progress(_SEED_SECONDS * options.users / _MANY + options.seconds)
    load = run(options, progress)
    progress.end()
    print(text(load))
    if options.users >= _MANY:
        draw(load)
        write_part("load", text(load))
    return 0 if load.good else 1


if __name__ == "__main__":
    sys.exit(main())
