"""Measures a batch of 100 operations against 100 requests: `python -m benchmarks.micro.batch [rounds]`.

One worker as in production and an embedded PostgreSQL with fsync, on one machine. Rounds of requests and batches
take turns. CPU time is that of the service and of PostgreSQL, read from the process table.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import psutil

from benchmarks.micro.cpu_second import cpu, postmaster, served
from tests.support.client import Json, Person
from tests.support.production import somebody

OPERATIONS: Final = 100
BATCHES: Final = 5
"""In a round."""


def task(number: int) -> Json:
    return {"title": f"Buy milk {number}", "tags": ["home", f"tag{number % 9}"]}


def creates(person: Person) -> None:
    for number in range(OPERATIONS):
        assert person.post("tasks", json=task(number)).status_code == 201


def batch_of_creates(person: Person) -> None:
    operations = [{"op": "create", "task": task(number)} for number in range(OPERATIONS)]
    assert person.post("batch", json={"operations": operations}).status_code == 200


def keyed_batch_of_creates(person: Person) -> None:
    operations = [{"op": "create", "task": task(number)} for number in range(OPERATIONS)]
    headers = {"Idempotency-Key": f"{perf_counter()}"}
    assert person.post("batch", json={"operations": operations}, headers=headers).status_code == 200


def changes(person: Person) -> None:
    for each in person.get(f"tasks?limit={OPERATIONS}").json()["data"]:
        assert person.patch(f"tasks/{each['id']}", json={"completed": not each["completed"]}).status_code == 200


def batch_of_changes(person: Person) -> None:
    operations = [
        {"op": "update", "id": each["id"], "task": {"completed": not each["completed"]}}
        for each in person.get(f"tasks?limit={OPERATIONS}").json()["data"]
    ]
    assert person.post("batch", json={"operations": operations}).status_code == 200


KINDS: Final[dict[str, Callable[[Person], None]]] = {
    "100 creates": creates,
    "batch of 100 creates": batch_of_creates,
    "the same with a key": keyed_batch_of_creates,
    "100 changes": changes,
    "batch of 100 changes": batch_of_changes,
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    with tempfile.TemporaryDirectory(prefix="batch", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        home.chmod(0o755)
        with served(home) as service, somebody(service, "ann") as ann:
            watched = (psutil.Process(service.process.pid), postmaster(home))
            spent: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
            for round_ in range(rounds + 1):
                for name, call in KINDS.items():
                    before, began = [cpu(process) for process in watched], perf_counter()
                    for _ in range(BATCHES):
                        call(ann)
                    took = perf_counter() - began
                    api, database = (cpu(process) - was for process, was in zip(watched, before, strict=True))
                    if round_:  # the first one warms up
                        spent[name].append((1000 * api / BATCHES, 1000 * database / BATCHES, 1000 * took / BATCHES))
            print("CPU ms per 100 operations  service   PostgreSQL   sum (least to most)   time ms")
            for name, figures in spent.items():
                sums = [api + database for api, database, _ in figures]
                api, database, took = (median(column) for column in zip(*figures, strict=True))
                print(
                    f"{name:<25} {api:9.1f} {database:12.1f} {median(sums):7.1f} ({min(sums):.1f} to {max(sums):.1f})"
                    f" {took:11.1f}"
                )


if __name__ == "__main__":
    main()
