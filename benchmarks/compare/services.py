"""Starts the contenders: one worker each, at most 15 connections, on the same database and data.

None writes a log line for a request. The service runs as `todo-api run` does, without its rate limit. The floor and
FastAPI run on Granian with the same options, Fastify on Node. All except the floor verify HS256 tokens: the service and
Fastify cache verified tokens, which is their default; FastAPI's PyJWT verifies each time, which is its default.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from benchmarks.compare.bare_asgi import FIRST_PAGE
from benchmarks.measure.processes import Family
from tests.support.performance_page import ROOT
from tests.support.service import free_port
from todo_api.db.statement import Statement
from todo_api.features.tags import repository as tags
from todo_api.features.tasks import reads, repository
from todo_api.features.tasks.list_statements import statement

SECRET: Final = "a-secret-for-the-benchmarks-0123456789"
NAMES: Final = ("service", "floor", "fastify", "fastapi")
BEFORE: Final = "before"
"""The service of another checkout, on the same database: for comparing a change with the version before it."""
PROGRAM: Final = ROOT / ".bench/bin/todo-api"
"""Installed without the packages of benchmarks and tests: its libraries would import numpy and pydantic if present."""
_START_SECONDS: Final = 30

LIST: Final = statement(FIRST_PAGE)
_STATEMENTS: Final[dict[str, Statement]] = {
    "list": LIST,
    "create": repository.CREATE,
    "get": reads.GET,
    "update": repository.CHANGE,
    "toggle": repository.CHANGE,
    "tags": tags._LIST,
}
"""The service's own SQL for Fastify. The floor imports it."""


class Contender:
    def __init__(self, name: str, port: int, family: Family) -> None:
        self.name = name
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.family = family


def service_environment(url: str) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DATABASE_URL": url,
        "BETTER_AUTH_SECRET": SECRET,
        "PYTHONPATH": str(ROOT),
        "LOG_LEVEL": "WARNING",
    }


def service_command(port: int) -> list[str]:
    return [str(PROGRAM), "run", "--port", str(port)]


def _commands(port: int, before: Path | None) -> Mapping[str, list[str]]:
    granian = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "--no-ws", "--http", "1"]
    return {
        "service": service_command(port),
        "floor": [*granian, "--log-level", "error", "benchmarks.compare.bare_asgi:app"],
        "fastify": ["node", str(ROOT / "benchmarks/compare/fastify/server.mjs")],
        "fastapi": [*granian, "--log-level", "error", "benchmarks.compare.fastapi_app:app"],
        BEFORE: [str(before / ".bench/bin/todo-api"), "run", "--port", str(port)] if before else [],
    }


@contextmanager
def contender(name: str, url: str, directory: Path, before: Path | None = None) -> Iterator[Contender]:
    port = free_port()
    parts = urlsplit(url)
    statements = directory / "statements.json"
    statements.write_text(
        json.dumps({key: {"sql": each.sql, "names": each.names} for key, each in _STATEMENTS.items()})
    )
    environment = service_environment(url) | {
        "RATE_LIMIT": "off",
        "PORT": str(port),
        "PGHOST": unquote(parse_qs(parts.query)["host"][0]),
        "PGDATABASE": parts.path[1:],
        "STATEMENTS": str(statements),
    }
    if name == BEFORE:
        environment["PYTHONPATH"] = str(before)
    log = directory / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _commands(port, before)[name], cwd=directory, env=environment, stdout=output, stderr=output
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/x/tasks", process, log)
        yield Contender(name, port, Family(process.pid))
    finally:
        process.terminate()
        process.wait(30)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits for any answer, 401 included: the request has no token."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not answer: {log.read_text()[-2000:]}")
