"""Clients that create tasks and count the answers."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.client import fresh_user, token_for

CLIENTS = 8


class Load:
    """`CLIENTS` threads. Every other one opens a new connection for each request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.user = fresh_user("ann")
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self.change_ids: list[int] = []
        """Of the acknowledged writes."""
        self.fallen = 0
        """Change-Ids that are not above the last one of the same client."""
        self._end = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._client, kwargs={"keep_alive": n % 2 == 0}) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in threads:
                thread.join()

    def _client(self, *, keep_alive: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if keep_alive else 0)
        last = 0
        with httpx.Client(base_url=self.url, headers=self._headers(), limits=limits, timeout=30) as client:
            while not self._end.is_set():
                began = time.monotonic()
                change_id = None
                try:
                    answer = client.post(f"/api/{self.user}/tasks", json={"title": "x", "tags": ["a"]})
                    outcome = str(answer.status_code)
                    change_id = answer.headers.get("change-id")
                except httpx.TransportError as error:
                    outcome = repr(error)
                with self._lock:
                    self.answers[outcome] += 1
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    if change_id is not None:
                        self.change_ids.append(int(change_id))
                        self.fallen += int(change_id) <= last
                        last = int(change_id)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {token_for(self.user)}"}

    def total(self) -> int:
        answer = httpx.get(f"{self.url}/api/{self.user}/tasks?limit=1", headers=self._headers())
        total: int = answer.json()["total"]
        return total
