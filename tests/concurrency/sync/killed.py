"""16 writers and 4 readers of one user, while PostgreSQL's backends, the workers and the service are killed."""

import random
import time
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.lowlevel
import httpx
import msgspec

from tests.architecture.test_migrations import run as rows
from tests.concurrency.sync.asgi import Answer
from tests.concurrency.sync.device import Device
from tests.concurrency.sync.ledger import LOG, Entry
from tests.concurrency.sync.user import User
from tests.support.client import fresh_user
from tests.support.kills import Killer
from tests.support.postgres import Postgres

WRITERS: Final = 16
READERS: Final = 4
KINDS: Final = ("backend", "worker", "service")
_MOST_TASKS: Final = 120
_LOST: Final = Answer(503, {}, b'{"code":"outcome_unknown"}')
_NOT_SENT: Final = Answer(503, {}, b'{"code":"not_connected"}')


class SyncKiller(Killer):
    """Its writers have one user, whose devices the readers are."""

    def __init__(self, postgres: Postgres, directory: Path, seed: int) -> None:
        super().__init__(postgres, directory, seed)
        self.user = User(self._send, fresh_user("ann"))
        self.writing = [Device(self.user, number) for number in range(WRITERS)]
        self.reading = [Device(self.user, number) for number in range(READERS)]
        for device in self.writing:
            device.removed = self.writing[0].removed
        self.walks = 0
        """Complete walks from the beginning while others wrote."""

    async def _send(self, replica: int, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        content = None if body is None else msgspec.json.encode(body)
        headers |= {} if body is None else {"content-type": "application/json"}
        try:
            answer = await self.http.request(method, path, content=content, headers=headers)
        except httpx.ConnectError:
            return _NOT_SENT
        except httpx.TransportError:
            return _LOST
        return Answer(answer.status_code, dict(answer.headers), answer.content)

    async def _writers(self) -> None:
        base = f"http://127.0.0.1:{self.settings['PORT']}"
        limits = httpx.Limits(max_connections=WRITERS + READERS)
        async with httpx.AsyncClient(base_url=base, limits=limits, timeout=30, verify=False) as self.http:
            async with anyio.create_task_group() as group:
                for number, device in enumerate(self.writing):
                    group.start_soon(self._write_on, device, random.Random(f"{self.chance.random()} {number}"))
                for number, device in enumerate(self.reading):
                    group.start_soon(self._read_on, device, number)
            await self._finish()

    async def _write_on(self, device: Device, chance: random.Random) -> None:
        """A writer knows the tasks that the first reader knows, so that all of them change the same ones."""
        while not self._end.is_set():
            device.copy = self.reading[0].copy
            known = len(device.copy.tasks)
            match chance.choice(
                ["create"] * 2 + ["rename tag"] + ["change"] * 5 + ["delete"] * (2 if known < _MOST_TASKS else 6)
            ):
                case "create":
                    tags = sorted(chance.sample("abcdef", chance.randrange(4)))
                    device.create(chance.choice(["key", "id", "both"]), {"title": f"{chance.random()}", "tags": tags})
                case "change":
                    bodies: list[Any] = [{"title": f"{chance.random()}"}, {"completed": chance.random() < 0.5}]
                    body = chance.choice([*bodies, {"tags": sorted(chance.sample("abcdef", 2))}])
                    device.change("PATCH", chance.randrange(1000), body, guarded=chance.random() < 0.5)
                case "rename tag":
                    one, other = chance.sample("abcdef", 2)
                    device.write("PATCH", f"tags/{one}", {}, {"name": other})
                case _:
                    device.change("DELETE", chance.randrange(1000), None, guarded=False)
            sent_at = time.monotonic()
            await device.flush()
            if device.outbox:
                await anyio.sleep(0.05)
            else:
                device.own = device.own[-5:]
                self.acknowledged_at = max(self.acknowledged_at, sent_at)
            await anyio.lowlevel.checkpoint()

    async def _read_on(self, device: Device, number: int) -> None:
        """Two wait for changes, one restarts from what it stored, and one begins again without a cursor."""
        chance = random.Random(number)
        device.wait = 1 if number < 2 else 0
        while not self._end.is_set():
            complete = await device.sync([100, 7, 20, 10][number], pages=200, store=chance.random() < 0.5)
            if number == 3:
                self.walks += complete
                device.crash(everything=True)
            elif number == 2:
                device.crash(everything=False)
            await anyio.sleep(0.02 if complete else 0.05)

    def _compare(self) -> None:
        self.user.ledger.log = {
            revision: Entry(*entry)
            for revision, *entry in rows(self.postgres.url, LOG.replace("$1", f"'{self.user.user_id}'"))
        }
        self.user.ledger.check(self.listed, self.user.creates)
        self.outcome.counts = self.user.counts
        self.outcome.counts["entries of the log"] = len(self.user.ledger.log)
        self.outcome.counts["unknown outcomes"] = self.user.ledger.unknown.total()
        self.outcome.counts["complete copies compared"] = len(self.user.ledger.copies)
        self.outcome.counts["walks from the beginning"] = self.walks

    async def _finish(self) -> None:
        """After the last kill, all devices send and read what is left."""
        for device in self.writing:
            while device.outbox:
                self._keep_service()
                await device.flush()
        self.listed = await self.user.listed()
        for device in [*self.reading, Device(self.user, 0)]:
            device.wait = 0
            assert await device.sync(50, pages=1000, store=True)
            assert device.copy.tasks == self.listed, "a device has other tasks than the service"


def run(postgres: Postgres, directory: Path, seed: int, kinds: list[str], pauses: tuple[float, float]) -> SyncKiller:
    killer = SyncKiller(postgres, directory, seed)
    killer.pauses = pauses
    killer.run(kinds)
    return killer
