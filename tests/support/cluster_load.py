"""Users on each node of a cluster, and writers who record what they were answered."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import anyio
import httpx

from tests.support.client import fresh_user
from tests.support.cluster import WORKERS, Cluster, Node, rows
from tests.support.recording_writer import RecordingWriter, compare_all
from tests.support.service import Service

WRITERS: Final = 4
"""On each node."""
REFUSALS: Final = {"database_unavailable", "outcome_unknown"}


def user_of(cluster: Cluster, node: Node) -> str:
    """A new user, whose rows are on `node`."""
    placement = "select nodeport from pg_dist_shard_placement"
    while True:
        user = fresh_user(node)
        shard = f"get_shard_id_for_distribution_column('tasks', '{user}')"
        ((port,),) = rows(cluster.url(), f"{placement} where shardid = {shard}")
        if port == cluster.ports[node]:
            return user


class ClusterLoad:
    """Each writer has one request at a time. A further client asks for readiness."""

    def __init__(self, cluster: Cluster, service: Service) -> None:
        self._cluster = cluster
        self._service = service
        users = [user_of(cluster, node) for node in WORKERS for _ in range(WRITERS)]
        self._writers = [RecordingWriter(user, seed) for seed, user in enumerate(users)]
        self._slowest: Counter[str] = Counter()
        self._end = threading.Event()
        self.acknowledged_at = dict.fromkeys(users, 0.0)
        """Clock time at which the last acknowledged write was sent, by user."""
        self.unready = 0
        """Answers of readiness that were not 200."""

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(1) as thread:
            load = thread.submit(anyio.run, self._run)
            try:
                yield
            finally:
                self._end.set()
                load.result()

    def answers(self, node: Node) -> Counter[str]:
        """`acknowledged`, or the `code` of the error."""
        return sum((writer.counts for writer in self._of(node)), Counter())

    def slowest(self, node: Node) -> float:
        """Seconds of the slowest answer."""
        return max(self._slowest[writer.user] for writer in self._of(node)) / 1000

    def wait_until_acknowledged(self, node: Node, since: float) -> None:
        """Returns when each user of the node got a write acknowledged that was sent after `since`."""
        deadline = time.monotonic() + 30
        while min(self.acknowledged_at[writer.user] for writer in self._of(node)) <= since:
            assert time.monotonic() < deadline, self.answers(node)
            time.sleep(0.02)

    def wrong(self) -> Counter[str]:
        """Counts the tasks that are stored otherwise than the answers say. Empty if there are none."""
        return anyio.run(compare_all, self._writers, self._cluster.url())

    def _of(self, node: Node) -> list[RecordingWriter]:
        return [writer for writer in self._writers if writer.user.startswith(node)]

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=len(self._writers) + 1)
        async with (
            httpx.AsyncClient(base_url=self._service.url, limits=limits, timeout=30) as http,
            anyio.create_task_group() as group,
        ):
            group.start_soon(self._ask, http)
            for writer in self._writers:
                group.start_soon(self._write, writer, http)

    async def _write(self, writer: RecordingWriter, http: httpx.AsyncClient) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            acknowledged = await writer.write(http)
            taken = int(1000 * (time.monotonic() - began))
            self._slowest[writer.user] = max(self._slowest[writer.user], taken)
            if acknowledged:
                self.acknowledged_at[writer.user] = began
            else:
                await anyio.sleep(0.02)

    async def _ask(self, http: httpx.AsyncClient) -> None:
        while not self._end.is_set():
            self.unready += (await http.get("/health/ready")).status_code != 200
            await anyio.sleep(0.1)
