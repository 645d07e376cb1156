"""Clients of streams that keep copies: many in one process, each on a plain socket."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Any

from tests.support.client import token_for

_HEAD = "GET /api/{user}/events{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{last}\r\n"


class Copy:
    """A client that connects again with its last id, for as long as it is not cancelled."""

    def __init__(self, user: str, ports: list[int], began: str = "") -> None:
        self.user = user
        self.ports = ports
        self.tasks: dict[str, Any] = {}
        self.last_id = began
        self.opened = 0
        self.events = 0
        self.changes = 0
        self.foreign = 0
        self.ends: list[str] = []
        self.seen: Callable[[str, int], None] = lambda _user, _change: None
        self._writer: asyncio.StreamWriter | None = None
        self._token = token_for(user, 7200)

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()

    async def run(self) -> None:
        while True:
            pause = random.uniform(0.1, 1)
            try:
                pause = await self._read() or pause
            except (OSError, asyncio.IncompleteReadError):
                """The service or this client ended the connection."""
            finally:
                if self._writer is not None:
                    self._writer.close()
            await asyncio.sleep(pause)

    async def _read(self) -> float | None:
        port = random.choice(self.ports)
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        last = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
        self._writer.write(_HEAD.format(user=self.user, query="", token=self._token, last=last).encode())
        status = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        if status != b"200":
            return None
        event: dict[bytes, bytes] = {}
        while True:
            async with asyncio.timeout(45):
                line = await reader.readuntil(b"\n")
            name, _, value = line.rstrip(b"\n").partition(b": ")
            if value and not line.endswith(b"\r\n"):
                event[name] = value
            elif line == b"\n" and event:
                if (pause := self._apply(event)) is not None:
                    return pause
                event = {}

    def _apply(self, event: dict[bytes, bytes]) -> float | None:
        data = json.loads(event[b"data"])
        self.events += 1
        if event[b"event"] == b"end":
            self.ends.append(data["code"])
            return float(data["retry_ms"]) / 1000
        self.changes += len(data.get("changes", ()))
        for change in data.get("changes", ()):
            if change["kind"] == "task":
                self.tasks[change["task"]["id"]] = change["task"]
                self.foreign += change["task"]["user_id"] != self.user
            else:
                self.tasks.pop(change["id"], None)
        if event[b"event"] == b"ready":
            self.opened += 1
        else:
            self.seen(self.user, data["change_id"])
        self.last_id = event[b"id"].decode()
        return None


class Lags:
    """Seconds from the answer to a write until a stream tells it."""

    def __init__(self) -> None:
        self.written: dict[tuple[str, int], float] = {}
        self.same: list[float] = []

    def wrote(self, user: str, change: int) -> None:
        self.written[user, change] = time.monotonic()

    def seen(self, user: str, change: int) -> None:
        began = self.written.get((user, change))
        self.same.append(0.0 if began is None else time.monotonic() - began)


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)] if values else float("nan")
