"""Measures requests per CPU second: `python -m benchmarks.micro.cpu_second` (needs wrk: apt-get install wrk).

One worker as in production, an embedded PostgreSQL with 200 tasks of one user, wrk on the same machine. CPU time is
read from the process table before and after, for the worker and for PostgreSQL: on a shared machine it varies less
than requests per second.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import psutil

from tests.support.production import in_production, somebody
from tests.support.service import Service
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.db.migrations import upgrade

SECONDS: Final = 8
CONNECTIONS: Final = 16
TASKS: Final = 200


def cpu(process: psutil.Process) -> float:
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def load(url: str, authorization: str, method: str, body: str) -> int:
    """The number of requests that wrk sent, all answered with 2xx."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        headers = (
            f'wrk.headers["Authorization"] = "{authorization}"\nwrk.headers["Content-Type"] = "application/json"\n'
        )
        script.write(f'wrk.method = "{method}"\n{headers}' + (f"wrk.body = [[{body}]]\n" if body else ""))
        script.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", script.name, url]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in output, output
    return int(re.findall(r"(\d+) requests in", output)[0])


def postmaster(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "postgres/postmaster.pid").read_text().splitlines()[0]))


@contextmanager
def served(home: Path) -> Iterator[Service]:
    with embedded_postgres(home) as url:
        upgrade(url)
        with in_production(home, url, RATE_LIMIT="off", METRICS_TOKEN="x" * 16) as service:
            yield service


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cpu", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        home.chmod(0o755)
        with served(home) as service, somebody(service, "ann") as ann:
            task = [ann.creates(title=f"task {n}", tags=["home", f"tag{n % 9}"]) for n in range(TASKS)][-1]
            base = f"{service.url}/api/ann"
            small = '{"title": "Buy milk", "tags": ["home"]}'
            print("request                        1/s   service µs   PostgreSQL µs   requests/CPU second")
            for name, method, url, body in (
                ("GET /health", "GET", f"{service.url}/health", ""),
                ("one task", "GET", f"{base}/tasks/{task['id']}", ""),
                ("a page of 50", "GET", f"{base}/tasks", ""),
                ("create, one tag", "POST", f"{base}/tasks", small),
            ):
                watched = (psutil.Process(service.process.pid), postmaster(home))
                before = [cpu(process) for process in watched]
                count = load(url, ann.headers["authorization"], method, body)
                api, database = (cpu(process) - was for process, was in zip(watched, before, strict=True))
                print(
                    f"{name:<25} {count / SECONDS:9.0f} {api / count * 1e6:12.0f} {database / count * 1e6:15.0f}"
                    f" {count / api:12.0f}"
                )
            scraped = httpx.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {'x' * 16}"})
            assert scraped.status_code == 200


if __name__ == "__main__":
    main()
