"""Measures ETags, If-Match and Idempotency-Key: CPU time per request, of the service and of PostgreSQL.

    python -m benchmarks.micro.conditional [PROGRAM ...]

Each PROGRAM is the `todo-api` of another checkout to compare with. They run in turn, this checkout first.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import psutil

from tests.support import service as services
from tests.support.client import token_for
from tests.support.performance_page import ROOT
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.db.migrations import upgrade

CONNECTIONS = 8
REQUESTS = 150
"""Requests of each connection in each turn."""
TURNS = 5
USER = "ann"

Request = tuple[str, str, dict[str, str], object]


def get(task: dict[str, str]) -> Iterator[Request]:
    while True:
        yield "GET", f"tasks/{task['id']}", {}, None


def get_known(task: dict[str, str]) -> Iterator[Request]:
    while True:
        yield "GET", f"tasks/{task['id']}", {"If-None-Match": '"1"'}, None


def page(_: dict[str, str]) -> Iterator[Request]:
    while True:
        yield "GET", "tasks?limit=50", {}, None


def page_known(task: dict[str, str]) -> Iterator[Request]:
    while True:
        yield "GET", "tasks?limit=50", {"If-None-Match": task["list"]}, None


def change(task: dict[str, str]) -> Iterator[Request]:
    version = 0
    while version := version + 1:
        yield "PATCH", f"tasks/{task['id']}", {}, {"title": f"{version}"}


def change_matched(task: dict[str, str]) -> Iterator[Request]:
    version = 0
    while version := version + 1:
        yield "PATCH", f"tasks/{task['id']}", {"If-Match": f'"{version}"'}, {"title": f"{version}"}


def change_stale(task: dict[str, str]) -> Iterator[Request]:
    while True:
        yield "PATCH", f"tasks/{task['id']}", {"If-Match": '"7"'}, {"title": "x"}


def create(_: dict[str, str]) -> Iterator[Request]:
    while True:
        yield "POST", "tasks", {}, {"title": "Buy milk", "tags": ["a", "b"]}


def create_keyed(_: dict[str, str]) -> Iterator[Request]:
    while True:
        yield "POST", "tasks", {"Idempotency-Key": str(uuid4())}, {"title": "Buy milk", "tags": ["a", "b"]}


def create_again(task: dict[str, str]) -> Iterator[Request]:
    while True:
        yield "POST", "tasks", {"Idempotency-Key": task["id"]}, {"title": "Buy milk", "tags": ["a", "b"]}


Scenario = Callable[[dict[str, str]], Iterator[Request]]
EVERYWHERE: tuple[Scenario, ...] = (get, page, change, create)
HERE: tuple[Scenario, ...] = (get_known, page_known, change_matched, change_stale, create_keyed, create_again)


async def _talk(port: int, token: str, user: str, requests: Iterator[Request]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _, (method, path, headers, body) in zip(range(REQUESTS), requests, strict=False):
        content = b"" if body is None else json.dumps(body).encode()
        lines = {"Host": "x", "Authorization": f"Bearer {token}", "Content-Length": str(len(content)), **headers}
        lines |= {"Content-Type": "application/json"} if content else {}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"{method} /api/{user}/{path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert int(answer.split(" ")[1]) in (200, 201, 304, 412), answer
        if "content-length: " in answer:
            await reader.readexactly(int(answer.split("content-length: ")[1].split("\r\n")[0]))
    writer.close()


def _cpu(process: psutil.Process) -> float:
    """CPU seconds of the child processes, which do the work."""
    times = [child.cpu_times() for child in process.children()]
    return sum(each.user + each.system for each in times)


def _turn(service: services.Service, postmaster: psutil.Process, scenario: Scenario) -> tuple[float, float]:
    """CPU µs per request of the service and of PostgreSQL, for a user with 50 tasks of 2 tags and some text."""
    user = f"{USER}_{uuid4().hex}"
    token = token_for(user)
    with httpx.Client(base_url=f"{service.url}/api/{user}/", headers={"Authorization": f"Bearer {token}"}) as http:
        body = {"title": "Buy milk for the weekend", "description": "x" * 100, "tags": ["a", "b"]}
        tasks = [http.post("tasks", json=body).json() for _ in range(50)][:CONNECTIONS]
        known = http.get("tasks?limit=50").headers.get("etag", "")

    async def all_talk() -> None:
        await asyncio.gather(
            *(_talk(service.port, token, user, scenario({"id": task["id"], "list": known})) for task in tasks)
        )

    parent = psutil.Process(service.process.pid)
    before = _cpu(parent), _cpu(postmaster)
    asyncio.run(all_talk())
    time.sleep(0.05)
    after = _cpu(parent), _cpu(postmaster)
    service_us, database_us = ((b - a) / (CONNECTIONS * REQUESTS) * 1e6 for a, b in zip(before, after, strict=True))
    return service_us, database_us


def main() -> None:
    programs = [ROOT / ".venv/bin/todo-api", *map(Path, sys.argv[1:])]
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
        home.chmod(0o755)
        url = stack.enter_context(embedded_postgres(home / "pg", {"fsync": "off"}))
        postmaster = psutil.Process(int((home / "pg/postgres/postmaster.pid").read_text().splitlines()[0]))
        upgrade(url)
        running = []
        for number, program in enumerate(programs):
            services.PROGRAM = program
            directory = home / str(number)
            directory.mkdir()
            running.append(stack.enter_context(services.running(directory, {"DATABASE_URL": url})))
        measured: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for turn in range(TURNS + 1):
            for scenario in (*EVERYWHERE, *HERE):
                for number, service in enumerate(running if scenario in EVERYWHERE else running[:1]):
                    took = _turn(service, postmaster, scenario)
                    if turn:
                        measured.setdefault((scenario.__name__, number), []).append(took)
        print(f"{'CPU µs per request, median of ' + str(TURNS):40}{'service':>10}{'(range)':>14}{'PostgreSQL':>12}")
        for (name, number), turns in measured.items():
            ours, theirs = zip(*turns, strict=True)
            spread = f"{min(ours):.0f}-{max(ours):.0f}"
            label = f"{name} ({'here' if number == 0 else programs[number]})"
            print(f"{label:40}{statistics.median(ours):10.0f}{spread:>14}{statistics.median(theirs):12.0f}")


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
