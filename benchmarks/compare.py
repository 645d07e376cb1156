"""This service beside its floor, Fastify and a conventional FastAPI app: one database, in turn, one worker each.

    python -m benchmarks.compare [--seconds 2] [--rounds 3] [--only service,floor]

CPU time comes from the process table before and after each run, divided by requests: it is steadier than requests per
second on a machine that other things use too.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import psutil
import uvloop
from alembic import command as alembic
from tests.service import free_port

from benchmarks.floor import FIRST_PAGE
from benchmarks.load import MakeRequest, Outcome, request, run
from todo_api.auth.tokens import development_token
from todo_api.db.embedded import embedded_postgres
from todo_api.db.engine import Statement
from todo_api.db.migrations import alembic_config
from todo_api.seed import rows_of, seed_database, seed_user
from todo_api.tags import repository as tags
from todo_api.tasks import repository as tasks
from todo_api.tasks.listing import statement

SECRET: Final = "a-secret-for-the-benchmarks-0123456789"
USERS: Final = 1000
TASKS: Final = 200
CONNECTIONS: Final = 32
ROOT: Final = Path(__file__).parents[1]
SAMPLE: Final = 500

STATEMENTS: Final[dict[str, Statement]] = {
    "list": statement(FIRST_PAGE),
    "create": tasks._create(tagged=True),
    "get": tasks._GET,
    "update": tasks._change(frozenset({"title", "tags"})),
    "toggle": tasks._change(frozenset({"toggled"})),
    "tags": tags._LIST,
}


@dataclass
class Contender:
    name: str
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family)

    def memory_mib(self) -> float:
        """Resident memory of the process that serves, the largest of the family."""
        family = [self.process, *self.process.children(recursive=True)]
        return max(member.memory_info().rss for member in family) / 2**20


def commands(port: int) -> Mapping[str, list[str]]:
    granian = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "--no-ws", "--http", "1"]
    program = str(Path(sys.executable).with_name("todo-api"))
    return {
        "service": [program, "run", "--port", str(port)],
        "floor": [*granian, "--log-level", "error", "benchmarks.floor:app"],
        "fastify": ["node", str(ROOT / "benchmarks/fastify/server.mjs")],
        "fastapi": [*granian, "--log-level", "error", "benchmarks.conventional:app"],
    }


@contextmanager
def contender(name: str, url: str, directory: Path) -> Iterator[Contender]:
    port = free_port()
    parts = urlsplit(url)
    environment = {
        **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
        "DATABASE_URL": url,
        "BETTER_AUTH_SECRET": SECRET,
        "PYTHONPATH": str(ROOT),
        "PORT": str(port),
        "PGHOST": unquote(parse_qs(parts.query)["host"][0]),
        "PGDATABASE": parts.path[1:],
        "STATEMENTS": str(directory / "statements.json"),
        "LOG_LEVEL": "WARNING",
        "RATE_LIMIT": "off",
    }
    with (directory / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(commands(port)[name], cwd=directory, env=environment, stdout=log, stderr=log)
    try:
        wait_for(port)
        yield Contender(name, port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/x/tasks", timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing answers on port {port}")


def operations() -> dict[str, MakeRequest]:
    """Requests of `SAMPLE` users in a fixed random order, made beforehand."""
    chance = random.Random(1)
    users = [seed_user(number, 1) for number in range(SAMPLE)]
    tokens = [development_token(user, SECRET.encode(), None, None, 86400) for user in users]
    ids = [[str(row.id) for row in rows_of(number, TASKS, 1)] for number in range(SAMPLE)]

    def made(method: str, path: str, body: bytes = b"") -> MakeRequest:
        requests = []
        for _ in range(2000):
            n = chance.randrange(SAMPLE)
            target = path.replace("{user}", users[n]).replace("{id}", chance.choice(ids[n]))
            requests.append(request(method, target, tokens[n], body))
        return lambda number: requests[number % len(requests)]

    create = b'{"title":"Buy milk and bread","description":"Two litres","priority":"High","tags":["home","shopping"]}'
    changes = [f'{{"title":"Changed {n}","tags":["home","t{n % 7}"]}}'.encode() for n in range(50)]
    updates = [made("PATCH", "/api/{user}/tasks/{id}", change) for change in changes]
    return {
        "list of 50": made("GET", "/api/{user}/tasks"),
        "get": made("GET", "/api/{user}/tasks/{id}"),
        "create with two tags": made("POST", "/api/{user}/tasks", create),
        "update": lambda number: updates[number % len(updates)](number),
        "toggle": made("PATCH", "/api/{user}/tasks/{id}/complete"),
        "tags": made("GET", "/api/{user}/tags"),
        "403": made("GET", "/api/another/tasks"),
    }


@dataclass
class Figures:
    server: list[float]
    """CPU µs per request of the server."""
    database: list[float]
    """CPU µs per request of PostgreSQL."""
    outcomes: list[Outcome]


def postgres_seconds(postmaster: psutil.Process) -> dict[int, float]:
    spent = {}
    for member in [postmaster, *postmaster.children()]:
        with suppress(psutil.NoSuchProcess):  # a vacuum that has just ended
            spent[member.pid] = sum(member.cpu_times()[:2])
    return spent


async def measure(who: Contender, postmaster: psutil.Process, make: MakeRequest, seconds: float, into: Figures) -> None:
    await run(who.port, make, connections=CONNECTIONS, seconds=min(0.3, seconds))
    server, database = who.cpu_seconds(), postgres_seconds(postmaster)
    outcome = await run(who.port, make, connections=CONNECTIONS, seconds=seconds)
    server = who.cpu_seconds() - server
    after = postgres_seconds(postmaster)
    used = sum(spent - database.get(pid, 0) for pid, spent in after.items())
    into.server.append(1e6 * server / outcome.requests)
    into.database.append(1e6 * used / outcome.requests)
    into.outcomes.append(outcome)


def seeded(url: str, *, users: int, tasks: int) -> None:
    alembic.upgrade(alembic_config(url), "head")
    asyncio.run(seed_database(url, users=users, tasks=tasks, seed=1, done=lambda _: None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="service,floor,fastify,fastapi")
    parser.add_argument("--operations", default="")
    options = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
        home.chmod(0o755)
        url = stack.enter_context(embedded_postgres(home, {"shared_buffers": "1GB"}))
        seeded(url, users=USERS, tasks=TASKS)
        dumped = {name: {"sql": each.sql, "names": each.names} for name, each in STATEMENTS.items()}
        (home / "statements.json").write_text(json.dumps(dumped))
        postmaster = psutil.Process(int((home / "postgres/postmaster.pid").read_text().split()[0]))
        contenders = [stack.enter_context(contender(name, url, home)) for name in options.only.split(",")]
        chosen = {
            name: make for name, make in operations().items() if not options.operations or name in options.operations
        }
        figures = {(who.name, name): Figures([], [], []) for who in contenders for name in chosen}
        for turn in range(options.rounds):
            for name, make in chosen.items():
                for who in asked(name, contenders):
                    print(f"round {turn + 1}/{options.rounds}: {name}, {who.name}", end="\033[K\r", flush=True)
                    uvloop.run(measure(who, postmaster, make, options.seconds, figures[who.name, name]))
        report(contenders, list(chosen), figures)


def asked(name: str, contenders: list[Contender]) -> list[Contender]:
    """The floor checks nobody's token, and so refuses nobody."""
    return [who for who in contenders if who.name != "floor" or name != "403"]


def report(contenders: list[Contender], names: list[str], figures: dict[tuple[str, str], Figures]) -> None:
    for name in names:
        base = figures[contenders[0].name, name].server
        for who in asked(name, contenders):
            of = figures[who.name, name]
            median = statistics.median(of.server)
            ratios = [mine / theirs for mine, theirs in zip(base, of.server, strict=True)]
            statuses: dict[int, int] = {}
            for outcome in of.outcomes:
                for status, count in outcome.statuses.items():
                    statuses[status] = statuses.get(status, 0) + count
            last = of.outcomes[-1]
            print(
                f"{name:22} {who.name:8} server {median:7.0f} µs  postgres {statistics.median(of.database):6.0f} µs  "
                f"{last.per_second:7.0f}/s  p50 {last.quantile(0.5):6.1f}  p95 {last.quantile(0.95):6.1f}  "
                f"p99 {last.quantile(0.99):6.1f} ms  "
                f"service is {min(ratios):.2f}–{max(ratios):.2f} of it  {statuses}"
            )
    for who in contenders:
        print(f"{who.name:8} {who.memory_mib():.0f} MiB")


if __name__ == "__main__":
    main()
