"""The service on a Citus cluster and on a plain PostgreSQL of the same version, on one machine: `make cluster`.

    python -m benchmarks.cluster.run [--seconds 2] [--rounds 3] [--operations get,toggle]

It starts a coordinator, two workers and the plain PostgreSQL with the scripts in `../shared/citus`, and one service for
each of the two. Both have the same users and tasks. In each round, each operation is measured on both in turn: first
from one connection, for the latency, then from `CONNECTIONS`, for requests per second and CPU time. Durability is off
(`fsync = off`) on all servers, and so is autovacuum. A ratio compares two runs of the same round.

The nodes share the cores of one machine. So ratios of CPU time say what a cluster costs; requests per second of one
machine do not say what several machines can do.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from benchmarks.cluster.requests import OPERATIONS, TASKS, USERS, Operation, deletions
from benchmarks.compare.client import MakeRequest, run
from benchmarks.measure.postgres import seed
from benchmarks.measure.processes import Family
from benchmarks.measure.progress import Progress
from tests.support.cluster import NODES, Cluster, Node, own_cluster, rows
from tests.support.performance_page import load_average, machine, table
from tests.support.service import running
from todo_api.cli.distribute import distribute
from todo_api.db.migrations import upgrade

CONNECTIONS: Final = 16
WARM_UP_SECONDS: Final = 0.5
_START_SECONDS: Final = 40
_SERVERS: Final[dict[str, tuple[Node, ...]]] = {
    "plain": ("plain",),
    "cluster": ("coordinator", "worker1", "worker2"),
}


class Side(NamedTuple):
    """A service, and the processes of its database: one server, or the coordinator and its workers."""

    name: str
    port: int
    families: dict[Node, Family]


class Run(NamedTuple):
    milliseconds: float
    """Of the median request from one connection."""
    per_second: float
    """From `CONNECTIONS` connections, as the CPU time."""
    cpu: dict[Node, float]
    """Microseconds per request, by server."""


@contextmanager
def side(name: str, cluster: Cluster, home: Path) -> Iterator[Side]:
    url = cluster.url(_SERVERS[name][0])
    upgrade(url)
    if name == "cluster":
        distribute(url)
    seed(url, users=USERS, tasks=TASKS)
    (home / name).mkdir()
    with running(home / name, {"DATABASE_URL": url, "LOG_LEVEL": "WARNING"}) as service:
        yield Side(name, service.port, {node: Family(_postmaster(cluster, node)) for node in _SERVERS[name]})


def _postmaster(cluster: Cluster, node: Node) -> int:
    return int((cluster.directory / node / "postmaster.pid").read_text().split()[0])


async def measure(on: Side, operation: Operation, make: MakeRequest, seconds: float) -> Run:
    statuses: set[int] = set()
    for connections in (1, CONNECTIONS):
        warm = await run(on.port, make, connections=connections, seconds=WARM_UP_SECONDS)
        before = {node: family.spent() for node, family in on.families.items()}
        outcome = await run(on.port, make, connections=connections, seconds=seconds)
        statuses |= {*warm.statuses, *outcome.statuses}
        if connections == 1:
            latency = outcome.quantile(0.5)
    if statuses != {operation.status}:
        raise RuntimeError(f"{on.name} answered {operation.name!r} with {statuses}, not {operation.status}")
    cpu = {node: 1e6 * family.since(before[node]) / outcome.requests for node, family in on.families.items()}
    return Run(latency, outcome.per_second, cpu)


def rounds(
    sides: list[Side], cluster: Cluster, options: argparse.Namespace, progress: Progress
) -> dict[tuple[str, str], list[Run]]:
    """Runs by operation and side, one for each round."""
    runs: dict[tuple[str, str], list[Run]] = {}
    unused = {on.name: deletions() for on in sides}
    for number in range(options.rounds):
        for each in sides:
            rows(cluster.url(_SERVERS[each.name][0]), "vacuum analyze", "checkpoint")
        for operation in chosen(options):
            for on in sides:
                progress(f"round {number + 1} of {options.rounds}: {operation.name}, {on.name}", turn(options))
                make = unused[on.name] if operation.make is None else operation.make()
                result = uvloop.run(measure(on, operation, make, options.seconds))
                runs.setdefault((operation.name, on.name), []).append(result)
    return runs


def chosen(options: argparse.Namespace) -> list[Operation]:
    names = options.operations.split(",") if options.operations else [each.name for each in OPERATIONS]
    return [each for each in OPERATIONS if each.name in names]


def turn(options: argparse.Namespace) -> float:
    """Seconds that a measurement takes."""
    return 2 * (float(options.seconds) + WARM_UP_SECONDS)


def report(runs: dict[tuple[str, str], list[Run]], options: argparse.Namespace) -> str:
    head = (
        *("operation", "ms, plain", "cluster", "cluster ÷ plain", "requests/s, plain", "cluster", "cluster ÷ plain"),
        *("CPU µs, plain", "coordinator", "workers", "sum ÷ plain"),
    )
    return table(head, [_row(each.name, runs) for each in chosen(options)])


def _row(operation: str, runs: dict[tuple[str, str], list[Run]]) -> list[str]:
    plain, cluster = runs[operation, "plain"], runs[operation, "cluster"]

    def ratio(figure: Callable[[Run], float]) -> str:
        return f"{statistics.median(figure(b) / figure(a) for a, b in zip(plain, cluster, strict=True)):.1f}"

    def median(taken: list[Run], figure: Callable[[Run], float], digits: int = 0) -> str:
        return f"{statistics.median(map(figure, taken)):,.{digits}f}"

    figures: list[Callable[[Run], float]] = [lambda run: run.milliseconds, lambda run: run.per_second]
    speed = [
        text
        for figure, digits in zip(figures, (1, 0), strict=True)
        for text in (median(plain, figure, digits), median(cluster, figure, digits), ratio(figure))
    ]
    return [
        operation,
        *speed,
        median(plain, _all_cpu),
        median(cluster, lambda run: run.cpu["coordinator"]),
        median(cluster, lambda run: _all_cpu(run) - run.cpu["coordinator"]),
        ratio(_all_cpu),
    ]


def _all_cpu(run: Run) -> float:
    return sum(run.cpu.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--operations", default="", help="comma-separated names; all unless given")
    options = parser.parse_args()
    progress = Progress(_START_SECONDS + turn(options) * options.rounds * len(chosen(options)) * len(_SERVERS))
    load = load_average()
    progress("starting and seeding", _START_SECONDS)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        cluster = stack.enter_context(own_cluster())
        for node in NODES:
            rows(cluster.url(node), "alter system set autovacuum = off", "select pg_reload_conf()")
        version = rows(
            cluster.url(), "select current_setting('server_version'), current_setting('jit'), citus_version()"
        )
        sides = [stack.enter_context(side(name, cluster, home)) for name in _SERVERS]
        runs = rounds(sides, cluster, options, progress)
    progress.end()
    postgres, jit, citus = version[0]
    print(f"{machine(postgres)}; {citus.partition(' on ')[0]}; jit {jit}; load average {load} before the run.")
    print(
        f"{options.rounds} rounds of {options.seconds:g} s; {USERS} users with {TASKS} tasks. Medians of the rounds.\n"
    )
    print(report(runs, options))


if __name__ == "__main__":
    main()
