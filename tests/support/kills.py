"""Kills PostgreSQL and the service repeatedly while clients write."""

import random
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
import psutil

from tests.support.client import fresh_user
from tests.support.postgres import Postgres
from tests.support.recording_writer import RecordingWriter, compare_all
from tests.support.service import Service, free_port

WRITERS = 8
KINDS = ("postgres", "backend", "service", "worker")


@dataclass
class Outcome:
    kills: Counter[str] = field(default_factory=Counter)
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    """Seconds from the kill to the first write that was sent after it and acknowledged."""
    counts: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        kills = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kills.items()))
        counts = ", ".join(f"{number} {word}" for word, number in self.counts.most_common())
        return [
            f"kills: {self.kills.total()} ({kills})",
            f"writes: {counts}",
            f"wrong: {dict(self.wrong) or 'nothing lost, nothing doubled, nothing half-written'}",
            *(
                f"recovery from the kill of {kind}: median {statistics.median(times):.2f} s, worst {max(times):.2f} s"
                for kind, times in sorted(self.recoveries.items())
            ),
        ]


class Killer:
    pauses = (0.05, 0.4)
    """The shortest and the longest time between a recovery and the next kill, in seconds."""

    def __init__(self, postgres: Postgres, directory: Path, seed: int) -> None:
        self.postgres = postgres
        self.directory = directory
        self.chance = random.Random(seed)
        self.outcome = Outcome()
        self.settings = {"DATABASE_URL": postgres.url, "PORT": str(free_port()), "WEB_CONCURRENCY": "2"}
        self.writers = [RecordingWriter(fresh_user(f"writer{number}"), number) for number in range(WRITERS)]
        self.acknowledged_at = 0.0
        """Clock time at which the last acknowledged write was sent."""
        self._end = threading.Event()
        self._failure: BaseException | None = None

    def run(self, kinds: list[str]) -> Outcome:
        self._start_service()
        writing = threading.Thread(target=self._write)
        writing.start()
        try:
            self._wait_for_writes(time.monotonic())
            for kind in kinds:
                time.sleep(self.chance.uniform(*self.pauses))
                killed_at = time.monotonic()
                self._kill(kind)
                self._wait_for_writes(killed_at)
                self.outcome.kills[kind] += 1
                self.outcome.recoveries.setdefault(kind, []).append(time.monotonic() - killed_at)
        finally:
            self._end.set()
            writing.join()
            self.service.stop()
        if self._failure is not None:
            raise self._failure
        self._compare()
        return self.outcome

    def _compare(self) -> None:
        self.outcome.wrong = anyio.run(compare_all, self.writers, self.postgres.url)
        for writer in self.writers:
            self.outcome.counts += writer.counts

    def _kill(self, kind: str) -> None:
        match kind:
            case "postgres":
                self.postgres.stop(signal.SIGKILL)
                self.postgres.start()
            case "backend":
                self._kill_one_of(self._backends)
            case "service":
                self.service.kill()
                self._start_service()
            case "worker":
                self._kill_one_of(self._workers)

    def _kill_one_of(self, find: Callable[[], list[psutil.Process]]) -> None:
        """Kills one process. It is chosen again if it ends by itself before the kill."""
        deadline = time.monotonic() + 30
        while True:
            with suppress(psutil.NoSuchProcess):
                if processes := find():
                    self.chance.choice(processes).kill()
                    return
            assert time.monotonic() < deadline, "there is no process to kill"
            self._keep_service()
            time.sleep(0.02)

    def _backends(self) -> list[psutil.Process]:
        """PostgreSQL's processes that serve a client."""
        assert self.postgres.process is not None
        children = psutil.Process(self.postgres.process.pid).children()
        return [child for child in children if "127.0.0.1" in " ".join(child.cmdline())]

    def _workers(self) -> list[psutil.Process]:
        return psutil.Process(self.service.process.pid).children()

    def _keep_service(self) -> None:
        """The service ends when a worker dies twice within seconds. A supervisor would start it again, as this does."""
        if self.service.process.poll() is not None:
            self.service.wait_until_nobody_listens()
            self._start_service()

    def _start_service(self) -> None:
        self.service = Service(self.directory, self.settings)
        self.service.wait_until_it_answers()

    def _wait_for_writes(self, since: float) -> None:
        deadline = time.monotonic() + 60
        while self.acknowledged_at <= since:
            if self._failure is not None:
                raise self._failure
            assert time.monotonic() < deadline, self.service.log.read_text()[-2000:]
            self._keep_service()
            time.sleep(0.01)

    def _write(self) -> None:
        try:
            anyio.run(self._writers)
        except BaseException as error:  # noqa: BLE001 - raised where the kills are
            self._failure = error

    async def _writers(self) -> None:
        limits = httpx.Limits(max_connections=WRITERS)
        base = f"http://127.0.0.1:{self.settings['PORT']}"
        async with (
            httpx.AsyncClient(base_url=base, limits=limits, timeout=30) as http,
            anyio.create_task_group() as writers,
        ):
            for writer in self.writers:
                writers.start_soon(self._writer, writer, http)

    async def _writer(self, writer: RecordingWriter, http: httpx.AsyncClient) -> None:
        while not self._end.is_set():
            sent_at = time.monotonic()
            if await writer.write(http):
                self.acknowledged_at = max(self.acknowledged_at, sent_at)
            else:
                await anyio.sleep(0.02)
