"""A service with production settings, its clients, its log and its metrics."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.client import Person
from tests.support.service import SECRET, Service, running
from todo_api.auth.tokens import development_token

SETTINGS = {
    "ENVIRONMENT": "production",
    "JWT_ISSUER": "https://auth.test",
    "JWT_AUDIENCE": "api",
    "HOST": "127.0.0.1",
    "DRAIN_SECONDS": "0",
}
"""The default of DRAIN_SECONDS would add 5 seconds to each test. `tests/resilience/test_stop.py` tests the drain."""
METRICS_TOKEN = "a-token-for-metrics"


@contextmanager
def in_production(directory: Path, database_url: str, **settings: str) -> Iterator[Service]:
    with running(directory, {**SETTINGS, "DATABASE_URL": database_url, **settings}) as service:
        yield service


def token(user_id: str, secret: str = SECRET, seconds: int = 600) -> str:
    return development_token(user_id, secret.encode(), SETTINGS["JWT_ISSUER"], SETTINGS["JWT_AUDIENCE"], seconds)


def somebody(service: Service, user_id: str, secret: str = SECRET) -> Person:
    return Person(service.url, user_id, {"Authorization": f"Bearer {token(user_id, secret)}"})


def lines(service: Service) -> list[dict[str, Any]]:
    """Every line of the service's log. Each must be JSON."""
    return [json.loads(line) for line in service.log.read_text().splitlines()]


def line_of(service: Service, request_id: str, event: str = "request") -> dict[str, Any]:
    """The log line of a request. The service writes it after the answer, so this waits for it."""

    def matching() -> list[dict[str, Any]]:
        return [line for line in lines(service) if (line.get("request_id"), line["event"]) == (request_id, event)]

    until(lambda: len(matching()) > 0)
    (line,) = matching()
    return line


def scrape(service: Service) -> dict[str, float]:
    answer = httpx.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    samples = (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
