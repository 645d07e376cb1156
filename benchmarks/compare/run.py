"""This service beside its floor, Fastify and a conventional FastAPI app: one database, in turn, one worker each.

    python -m benchmarks.compare.run [--seconds 2] [--rounds 6] [--only service,floor] [--operations get,tags]
    python -m benchmarks.compare.run --only service,before --before DIRECTORY     (a checkout in which `make bench` ran)

With all contenders and all operations it also measures the list in PostgreSQL alone (pgbench) and the time of a start.
Unless it is much shorter than usual, it then writes its parts of docs/performance.md. CPU time is read from the process
table before and after each run, and divided by requests: on a shared machine it varies less than requests per second.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.compare import report as compare_report
from benchmarks.compare.client import MakeRequest, run
from benchmarks.compare.list_in_postgresql import PAGES_ALL_SECONDS, pages_per_second
from benchmarks.compare.report import Comparison, Run
from benchmarks.compare.requests import TASKS, USERS, Operation, check_alike, operations
from benchmarks.compare.services import NAMES, Contender, contender
from benchmarks.compare.startup import START_SECONDS, STARTS, Start, start_once
from benchmarks.measure.postgres import Server, seed, server
from benchmarks.measure.processes import Family
from benchmarks.measure.progress import Progress
from tests.support.performance_page import load_average, machine

CONNECTIONS: Final = 32
WARM_UP_SECONDS: Final = 0.3
WRITTEN_ROUNDS, WRITTEN_SECONDS = 3, 1
"""A run with fewer rounds or shorter ones is not written to the page."""
_SEED_SECONDS: Final = 20
_PAUSE_SECONDS: Final = 0.15
"""Of a measurement, without the load itself."""


async def measure(who: Contender, postgres: Family, operation: Operation, make: MakeRequest, seconds: float) -> Run:
    await run(who.port, make, connections=CONNECTIONS, seconds=min(WARM_UP_SECONDS, seconds))
    server_before, postgres_before = who.family.spent(), postgres.spent()
    outcome = await run(who.port, make, connections=CONNECTIONS, seconds=seconds)
    server_cpu, postgres_cpu = who.family.since(server_before), postgres.since(postgres_before)
    if set(outcome.statuses) != {operation.status}:
        raise RuntimeError(f"{who.name} answered {operation.name!r} with {outcome.statuses}, not {operation.status}")
    return Run(1e6 * server_cpu / outcome.requests, 1e6 * postgres_cpu / outcome.requests, outcome)


def rounds(
    contenders: list[Contender], postgres: Server, url: str, options: argparse.Namespace, progress: Progress
) -> dict[tuple[str, str], list[Run]]:
    """Runs by operation and contender, one for each round. A round begins without dead rows."""
    chosen = asked(options)
    runs: dict[tuple[str, str], list[Run]] = {}
    for number in range(options.rounds):
        postgres.run("vacuum analyze", "checkpoint", url=url)
        for operation in chosen:
            for who in contenders:
                if who.name in operation.asked:
                    progress(f"round {number + 1} of {options.rounds}: {operation.name}, {who.name}", turn(options))
                    make = operation.requests(who)
                    result = uvloop.run(measure(who, postgres.family, operation, make, options.seconds))
                    runs.setdefault((operation.name, who.name), []).append(result)
    return runs


def turn(options: argparse.Namespace) -> float:
    """Seconds that a measurement takes."""
    seconds = float(options.seconds)
    return seconds + min(WARM_UP_SECONDS, seconds) + _PAUSE_SECONDS


def asked(options: argparse.Namespace) -> list[Operation]:
    """The operations that the options choose."""
    return [each for each in operations() if not options.operations or each.name in options.operations.split(",")]


def is_whole(options: argparse.Namespace) -> bool:
    return bool(options.only == ",".join(NAMES) and not options.operations)


def expected(options: argparse.Namespace) -> float:
    """Expected seconds of the whole run."""
    names = set(options.only.split(","))
    turns = int(options.rounds) * sum(len(each.asked & names) for each in asked(options))
    extra = PAGES_ALL_SECONDS + STARTS * START_SECONDS if is_whole(options) else 0
    return turns * turn(options) + _SEED_SECONDS + extra


def alone(postgres: Server, url: str, progress: Progress) -> tuple[float, list[Start]]:
    """Pages a second of PostgreSQL without a service, and starts of the service without load."""
    progress("pgbench: the list in PostgreSQL alone", PAGES_ALL_SECONDS)
    pages = pages_per_second(postgres, url)
    starts = []
    for number in range(STARTS):
        progress(f"start {number + 1} of {STARTS}", START_SECONDS)
        starts.append(start_once(url, postgres.home))
    return pages, starts


def compare(options: argparse.Namespace, progress: Progress) -> Comparison:
    with ExitStack() as stack:
        # Autovacuum would run at any time, and its CPU time would count for the contender of that moment.
        postgres = stack.enter_context(server(autovacuum="off"))
        where, load = machine(postgres.version), load_average()
        progress("seeding", _SEED_SECONDS)
        url = postgres.database("bench")
        seed(url, users=USERS, tasks=TASKS)
        postgres.run("vacuum analyze", url=url)
        pages, starts = alone(postgres, url, progress) if is_whole(options) else (0.0, [])
        names = options.only.split(",")
        contenders = [stack.enter_context(contender(name, url, postgres.home, options.before)) for name in names]
        check_alike(contenders)
        before = {who.name: (who.family.memory(), who.family.worker()) for who in contenders}
        runs = rounds(contenders, postgres, url, options, progress)
        after = {who.name: (who.family.memory(), who.family.worker()) for who in contenders}
        return Comparison(
            where=where,
            load=load,
            seconds=options.seconds,
            rounds=options.rounds,
            runs=runs,
            pages=pages,
            starts=starts,
            before=before,
            after=after,
            postgres=postgres.family.memory(),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--only", default=",".join(NAMES), help="contenders; the first is what ratios are of")
    parser.add_argument("--before", type=Path, help="another checkout, compared as the contender `before`")
    parser.add_argument("--operations", default="", help="comma-separated names; all unless given")
    options = parser.parse_args()
    progress = Progress(expected(options))
    comparison = compare(options, progress)
    progress.end()
    print(compare_report.side_by_side(comparison))
    print(compare_report.without_news(comparison))
    if is_whole(options):
        print(compare_report.targets(comparison))
        print(compare_report.start_and_memory(comparison))
        if options.rounds >= WRITTEN_ROUNDS and options.seconds >= WRITTEN_SECONDS:
            compare_report.write(comparison)


if __name__ == "__main__":
    main()
