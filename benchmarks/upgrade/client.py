"""Requests to replicas of both versions. Each request goes to one of the replicas that take requests at that moment."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.compare.client import request

_IDLE_SECONDS: Final = 3
"""After 5 s the service closes an idle connection."""


@dataclass
class Replica:
    name: str
    port: int


@dataclass
class Answer:
    replica: str
    status: int
    headers: dict[str, str]
    body: Any
    sent_at: float
    answered_at: float

    @property
    def seconds(self) -> float:
        return self.answered_at - self.sent_at


@dataclass
class Balancer:
    """The replicas, and the answers of each. A replica gets no new request when it is removed from `replicas`."""

    replicas: list[Replica] = field(default_factory=list)
    answers: list[tuple[float, float, str, str]] = field(default_factory=list)
    """Time of the request, seconds, replica, status with the code of an error."""
    under_way: Counter[str] = field(default_factory=Counter)

    async def idle(self, name: str) -> None:
        """Waits until the replica has no request under way."""
        while self.under_way[name]:  # noqa: ASYNC110 - once in a run
            await asyncio.sleep(0.005)


class Connection:
    """One keep-alive connection to each replica. Sends one request at a time."""

    def __init__(self, balancer: Balancer, token: str, chance: random.Random) -> None:
        self._balancer = balancer
        self._token = token
        self._chance = chance
        self._streams: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._used_at: dict[int, float] = {}

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Sends to a replica by chance. An error of the network ends the run: no version may cause one."""
        replica = self._chance.choice(self._balancer.replicas)
        content = b"" if body is None else json.dumps(body).encode()
        self._balancer.under_way[replica.name] += 1
        sent_at = time.monotonic()
        try:
            reader, writer = await self._stream(replica.port)
            writer.write(request(method, path, self._token, content, **headers))
            status, received, payload = await _answer(reader)
        finally:
            self._balancer.under_way[replica.name] -= 1
        answered_at = self._used_at[replica.port] = time.monotonic()
        if received.get("connection") == "close":
            self._streams.pop(replica.port)[1].close()
        answer = Answer(replica.name, status, received, payload, sent_at, answered_at)
        code = payload.get("code", "") if status >= 400 and isinstance(payload, dict) else ""
        self._balancer.answers.append((sent_at, answer.seconds, replica.name, f"{status} {code}".strip()))
        return answer

    async def _stream(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if time.monotonic() - self._used_at.get(port, 0) > _IDLE_SECONDS and port in self._streams:
            self._streams.pop(port)[1].close()
        if port not in self._streams:
            self._streams[port] = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        return self._streams[port]

    def close(self) -> None:
        for _, writer in self._streams.values():
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], Any]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(first[9:12]), headers, json.loads(body) if body else None
