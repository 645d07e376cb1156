"""16 clients that change the same task, 16 tasks of one user, and tasks of 16 users: this version and another checkout.

    python -m benchmarks.hostile.contention --before DIRECTORY [--seconds 4] [--rounds 3]

DIRECTORY is a checkout in which `make bench` ran. Both services have one worker and a database of their own on the same
PostgreSQL, and take turns. Every other request changes title and tags, the others toggle. Each answer 200 must be one
version of a task. Exit status 1 if that is not so, or if this version answers anything else.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from benchmarks.compare.client import MakeRequest, request, run
from benchmarks.compare.requests import token
from benchmarks.compare.services import BEFORE, Contender, contender
from benchmarks.measure.postgres import Server, seed, server
from tests.support.performance_page import load_average, machine, table
from todo_api.cli.seed import rows_of, seed_user

WRITERS: Final = 16
_NEW: Final = "service"
_STATISTICS_SECONDS: Final = 11
"""A session of PostgreSQL reports its counts 10 s after its last statement at the latest."""
Target = tuple[int, str]
"""The number of a seeded user, and the id of one of the tasks."""


def _ids(user: int, count: int) -> list[Target]:
    return [(user, str(row.id)) for row in rows_of(user, count, 1)]


TARGETS: Final[dict[str, list[Target]]] = {
    "one task": _ids(0, 1),
    "16 tasks of one user": _ids(1, WRITERS),
    "16 users": [_ids(user, 1)[0] for user in range(2, WRITERS + 2)],
}


@dataclass
class Result:
    statuses: Counter[int] = field(default_factory=Counter)
    rates: list[float] = field(default_factory=list)
    """Changes a second, by round."""
    slowest: float = 0.0
    transactions: float = 0.0
    """For each request. More than 1: statements ran again."""
    lost: int = 0
    """Answers 200 without a version, or versions without an answer."""


@dataclass
class Side:
    who: Contender
    url: str
    postgres: Server

    def number(self, sql: str) -> int:
        return int(self.postgres.run(sql, url=self.url))

    def versions(self, targets: list[Target]) -> int:
        ids = ",".join(f"'{task_id}'" for _, task_id in targets)
        return self.number(f"select sum(version) from tasks where id in ({ids})")

    def transactions(self) -> int:
        return self.number("select xact_commit from pg_stat_database where datname = current_database()")


def _requests(targets: list[Target]) -> MakeRequest:
    chance = random.Random(1)
    paths = [(f"/api/{seed_user(user, 1)}/tasks/{task_id}", token(user)) for user, task_id in targets]

    def make(number: int) -> bytes:
        path, bearer = paths[number % len(paths)]
        if number // len(paths) % 2:
            return request("PATCH", f"{path}/complete", bearer)
        tags = f'"home","t{chance.randrange(7)}"'
        return request("PATCH", path, bearer, f'{{"title":"Changed {chance.random()}","tags":[{tags}]}}'.encode())

    return make


def _measure(side: Side, targets: list[Target], seconds: float, result: Result) -> None:
    before = side.versions(targets)
    outcome = uvloop.run(run(side.who.port, _requests(targets), connections=WRITERS, seconds=seconds))
    changed = outcome.statuses.get(200, 0)
    result.statuses.update(outcome.statuses)
    result.rates.append(changed / outcome.seconds)
    result.slowest = max(result.slowest, *outcome.milliseconds)
    result.lost += abs(side.versions(targets) - before - changed)


def contend(sides: list[Side], options: argparse.Namespace, show: Callable[[str], None]) -> dict[str, list[Result]]:
    results = {}
    for name, targets in TARGETS.items():
        found = results[name] = [Result() for _ in sides]
        time.sleep(_STATISTICS_SECONDS)
        begun = [side.transactions() for side in sides]
        for number in range(options.rounds):
            for side, result in zip(sides, found, strict=True):
                show(f"{name}, round {number + 1} of {options.rounds}: {side.who.name}")
                _measure(side, targets, options.seconds, result)
        time.sleep(_STATISTICS_SECONDS)
        for side, result, before in zip(sides, found, begun, strict=True):
            result.transactions = (side.transactions() - before) / result.statuses.total()
    return results


def report(results: dict[str, list[Result]]) -> str:
    rows = []
    for name, pair in results.items():
        old, new = (median(result.rates) for result in pair)
        for version, result, ratio in zip((BEFORE, "this version"), pair, ("", f"{new / old:.1f}"), strict=True):
            answers = ", ".join(f"{count} × {status}" for status, count in result.statuses.most_common())
            rate, spread = median(result.rates), f"{min(result.rates):.0f} to {max(result.rates):.0f}"
            rows.append(
                [name, version, answers, f"{rate:.0f} ({spread})", ratio, f"{result.transactions:.2f}",
                 f"{result.slowest:.0f} ms", result.lost]
            )  # fmt: skip
    head = [
        "16 clients on",
        "version",
        "answers",
        "changes a second",
        "ratio",
        "transactions a request",
        "slowest",
        "lost",
    ]
    return table(head, rows, words=3)


def _absolute(path: str) -> Path:
    return Path(path).resolve()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=_absolute, required=True, help="another checkout, compared with this one")
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        postgres = stack.enter_context(server())
        print(machine(postgres.version), "load", load_average())
        sides = []
        for name in (BEFORE, _NEW):
            url = postgres.database(f"of_{name}")
            seed(url, users=WRITERS + 2, tasks=WRITERS)
            who = stack.enter_context(contender(name, url, postgres.home, options.before))
            sides.append(Side(who, url, postgres))
        results = contend(sides, options, lambda step: print(step, file=sys.stderr, flush=True))
        print(report(results))
    bad = [new for _, new in results.values() if set(new.statuses) != {200} or new.lost]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
