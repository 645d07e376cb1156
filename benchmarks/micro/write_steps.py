"""Measures what each step of a write takes: an update of a task, then the steps of the order of changes, one at a time.

    python -m benchmarks.micro.write_steps [--calls 40] [--rounds 100]

One connection to an embedded PostgreSQL without fsync calls a function for each number of steps, prepared, in short
turns. CPU time is that of the database process. Figures are the first decile of the turns, which other processes
disturbed least.
"""

import argparse
import asyncio
import time
from itertools import cycle
from typing import Final

import asyncpg

from benchmarks.measure.postgres import seed, server
from benchmarks.micro.listing import cpu_of
from tests.support.performance_page import load_average, machine, table
from todo_api.cli.seed import seed_user
from todo_api.db.functions import SCHEMA
from todo_api.db.url import connect_arguments

TASKS: Final = 200
_TURNS_BEFORE_VACUUM: Final = 10
_LOCK: Final = "select revision + 1 into this from heads where user_id = me for update;"
_UPDATE: Final = """
    update tasks
    set completed_at = case when completed_at is null then instant end, updated_at = instant, version = version + 1
    where user_id = me and id = which;
"""
_RAISE_FIRST: Final = "update heads set revision = revision + 1 where user_id = me returning revision into this;"
_RAISE: Final = "update heads set revision = this where user_id = me;"
_LOG: Final = """
    insert into changes (user_id, revision, at, task_id, op, version, before)
    values (me, this, instant, which, 'change', 2, '{"completed_at": null}');
"""
_CALL: Final = f"""
    perform {SCHEMA}.log_change(me, this, instant, which, 'change', 2, '{{"completed_at": null}}', 0, 0, true, 30);
"""
STEPS: Final = {
    "an update of the task alone": _UPDATE,
    "+ the lock of the head row": _LOCK + _UPDATE,
    "+ the update of the head row": _LOCK + _UPDATE + _RAISE,
    "+ the entry in the log": _LOCK + _UPDATE + _RAISE + _LOG,
    "the last two by a call of log_change": _LOCK + _UPDATE + _CALL,
    "all, with the update of the head row in the place of its lock": _RAISE_FIRST + _UPDATE + _LOG,
}
_FUNCTION: Final = """
    create function steps_{number}(me text, which uuid) returns void language plpgsql as $$
    declare
      this bigint := 1;
      instant timestamptz := clock_timestamp();
    begin
      {body}
    end;
    $$
"""


def _fastest(turns: list[tuple[float, float]], calls: int) -> list[str]:
    """CPU time and time by the clock of a call, each the first decile of the turns."""
    return [f"{sorted(each)[len(turns) // 10] / calls:.0f}" for each in zip(*turns, strict=True)]


async def measure(url: str, options: argparse.Namespace) -> list[list[str]]:
    """Rows of a table: the steps, µs of CPU time and µs by the clock for each call."""
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        for number, body in enumerate(STEPS.values()):
            await connection.execute(_FUNCTION.format(number=number, body=body))
        me, cpu = seed_user(0, 1), cpu_of(connection)
        ids = cycle([row["id"] for row in await connection.fetch("select id from tasks where user_id = $1", me)])
        calls = [await connection.prepare(f"select steps_{number}($1, $2)") for number, _ in enumerate(STEPS)]
        turns: list[list[tuple[float, float]]] = [[] for _ in calls]
        for turn in range(options.rounds):
            if turn % _TURNS_BEFORE_VACUUM == 0:
                await connection.execute("vacuum tasks, heads, changes")
            for number, call in enumerate(calls):
                used, began = cpu(), time.perf_counter()
                for _ in range(options.calls):
                    await call.fetch(me, next(ids))
                turns[number].append((1000 * (cpu() - used), 1e6 * (time.perf_counter() - began)))
        return [[name, *_fastest(taken, options.calls)] for name, taken in zip(STEPS, turns, strict=True)]
    finally:
        await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40, help="of each function in each round")
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with server(autovacuum="off", fsync="off") as postgres:
        print(machine(postgres.version), "load", load_average())
        url = postgres.database("steps")
        seed(url, users=100, tasks=TASKS)
        postgres.run("vacuum analyze", url=url)
        print(table(("steps of the function", "CPU µs", "µs by the clock"), asyncio.run(measure(url, options))))


if __name__ == "__main__":
    main()
