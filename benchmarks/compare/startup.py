"""Measures the time from the start of the service to its first 200, on a database that runs and is migrated."""

import subprocess
import time
from pathlib import Path
from typing import Final

import httpx
from msgspec import Struct

from benchmarks.compare.requests import token
from benchmarks.compare.services import service_command, service_environment
from tests.support.service import free_port
from todo_api.cli.seed import seed_user

STARTS: Final = 5
START_SECONDS: Final = 2.0
"""Expected, with the stop."""
_GIVE_UP_SECONDS: Final = 30
_EVERY_SECONDS: Final = 0.01


class Start(Struct, frozen=True):
    """Seconds from the start of the program."""

    ready: float
    list: float


def start_once(url: str, directory: Path) -> Start:
    port = free_port()
    headers = {"Authorization": f"Bearer {token(0)}"}
    log = directory / "start.log"
    with log.open("wb") as output, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        began = time.perf_counter()
        process = subprocess.Popen(
            service_command(port), cwd=directory, env=service_environment(url), stdout=output, stderr=output
        )
        try:
            wait_until_ready(client, process, log)
            ready = time.perf_counter() - began
            if client.get(f"/api/{seed_user(0, 1)}/tasks", headers=headers).status_code != 200:
                raise RuntimeError(f"the service is ready and gives no list: {log.read_text()}")
            return Start(ready, time.perf_counter() - began)
        finally:
            process.terminate()
            process.wait(30)


def wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while not _ready(client):
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError(f"the service does not start: {log.read_text()}")
        time.sleep(_EVERY_SECONDS)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False
