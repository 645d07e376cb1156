"""Random batches of several devices that converge, while connections are cut and queries are killed.

.venv/bin/python -m benchmarks.chaos.batches [SECONDS] [SEED]

Three users with three devices each. A device makes its batches from its copy of the tasks, which may be old. It cuts
its own connection at random and sends the batch again under its key. At the end each device must have what the service
has.
"""

import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx

from tests.architecture.test_migrations import run
from tests.concurrency.test_batches import assert_the_log_fits
from tests.features.changes.test_list import Device
from tests.support.client import Json, Person, fresh_user
from tests.support.postgres import own_postgres
from tests.support.service import Service, running

USERS: Final = 3
DEVICES: Final = 3
MOST_TASKS: Final = 150
TAGS: Final = ["home", "work", "shop", "later", "a"]
_KILL: Final = (
    "select count(pg_terminate_backend(pid)) as killed from pg_stat_activity"
    " where state = 'active' and query like '%batch_tasks%' and pid <> pg_backend_pid()"
)


class PatientDevice(Device):
    """It reads again while the service refuses, as it may when connections are killed on a busy machine."""

    def answer(self, parameters: dict[str, int | str]) -> httpx.Response:
        while (answer := super().answer(parameters)).status_code == 503:
            time.sleep(0.2)
        return answer


class RandomDevice:
    def __init__(self, service: Service, user: str, seed: str) -> None:
        self.person = Person(service.url, user)
        self.copy = PatientDevice(self.person, limit=500)
        self.chance = random.Random(seed)
        self.removed: list[str] = []
        self.counts: Counter[str] = Counter()

    def work(self, end: float) -> None:
        while time.monotonic() < end:
            if self.chance.random() < 0.3:
                self.copy.sync()
            else:
                self._send(self._batch())

    def _batch(self) -> Json:
        ids = self.chance.sample([*self.copy.tasks], min(len(self.copy.tasks), self.chance.randint(0, 20)))
        gone = self.chance.sample(self.removed, min(len(self.removed), self.chance.randint(0, 3)))
        operations = [self._change(each) for each in ids]
        operations += [{"op": "restore", "id": each} for each in {*gone} - {*ids}]
        operations += [self._create() for _ in range(self.chance.randint(0, 8))]
        self.chance.shuffle(operations)
        self.removed = [each["id"] for each in operations if each["op"] == "delete"] or self.removed
        return {"operations": operations or [self._create()], "atomic": self.chance.random() < 0.4}

    def _create(self) -> Json:
        own = {"id": str(uuid4())} if self.chance.random() < 0.5 else {}
        return {"op": "create", "task": {**own, "title": f"{self.chance.random()}", "tags": self._tags()}}

    def _change(self, task_id: str) -> Json:
        versioned = self.chance.random() < 0.5
        version = {"if_version": self.copy.tasks[task_id]["version"]} if versioned else {}
        if self.chance.random() < (0.6 if len(self.copy.tasks) > MOST_TASKS else 0.1):
            return {"op": "delete", "id": task_id, **version}
        fields = {"title": f"{self.chance.random()}", "tags": self._tags(), "completed": self.chance.random() < 0.5}
        names = self.chance.sample([*fields], self.chance.randint(1, 3))
        merge = {"on_stale": "merge"} if version and self.chance.random() < 0.5 else {}
        return {"op": "update", "id": task_id, **version, **merge, "task": {name: fields[name] for name in names}}

    def _tags(self) -> list[str]:
        return self.chance.sample(TAGS, self.chance.randint(0, 3))

    def _send(self, body: Json) -> None:
        headers = {"Idempotency-Key": str(uuid4())} if self.chance.random() < 0.7 else {}
        while (answer := self._try(body, headers)) is None or answer.status_code == 503:
            self.counts["lost or 503"] += 1
            if not headers:
                return
        self.counts[f"{answer.status_code}"] += 1
        assert answer.status_code in (200, 409), answer.text
        if answer.status_code == 409:
            assert answer.json()["code"] == "batch_failed", answer.text
            return
        self.counts["operations carried out"] += sum("error" not in each for each in answer.json()["results"])
        if headers and self.chance.random() < 0.3:
            again = self._try(body, headers)
            assert again is None or again.status_code == 503 or again.content == answer.content
            self.counts["repeated after the answer"] += 1
        if "change-id" in answer.headers and self.chance.random() < 0.05:
            undone = self.person.post("undo", json={"change_id": int(answer.headers["change-id"])})
            self.counts[f"undo {undone.status_code}"] += 1
            assert undone.status_code in (200, 409, 503), undone.text

    def _try(self, body: Json, headers: dict[str, str]) -> httpx.Response | None:
        """None: the connection was cut."""
        seconds = self.chance.uniform(0.001, 0.3) if self.chance.random() < 0.1 else 30
        try:
            return self.person.post("batch", json=body, headers=headers, timeout=seconds)
        except httpx.TransportError:
            return None


def kill(url: str, end: float, seed: int, counts: Counter[str]) -> None:
    chance = random.Random(seed)
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.2, 2))
        counts["killed queries"] += run(url, _KILL)[0]["killed"]


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3600
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"seed: {seed}", flush=True)
    counts: Counter[str] = Counter()
    with own_postgres() as postgres, tempfile.TemporaryDirectory() as directory:
        settings = {"DATABASE_URL": postgres.url, "WEB_CONCURRENCY": "2", "LOG_LEVEL": "WARNING"}
        with running(Path(directory), settings) as service:
            users = [fresh_user("ann") for _ in range(USERS)]
            devices = [
                RandomDevice(service, user, f"{seed} {user} {number}") for user in users for number in range(DEVICES)
            ]
            end = time.monotonic() + seconds
            killer = threading.Thread(target=kill, args=(postgres.url, end, seed, counts))
            killer.start()
            with ThreadPoolExecutor(len(devices)) as pool:
                for each in [pool.submit(device.work, end) for device in devices]:
                    each.result()
            killer.join()
            time.sleep(5)  # requests whose connection was cut end
            for device in devices:
                counts.update(device.counts)
                fresh = PatientDevice(device.person, limit=500)
                fresh.sync()
                device.copy.sync()
                assert device.copy.tasks == fresh.tasks, "a device has not what the service has"
                assert_the_log_fits(device.person, postgres.url)
    print(f"{seconds:.0f} s: " + ", ".join(f"{number} {name}" for name, number in counts.most_common()))
    print("each device has what the service has, and the log has each revision once")


if __name__ == "__main__":
    main()
