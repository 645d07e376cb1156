"""The report of the load test: the table, the memory plot, the verdicts."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.load.memory import Sample, growth, is_flat
from benchmarks.measure.plots import drawn
from benchmarks.measure.postgres import SHARED_BUFFERS
from tests.support.performance_page import table, verdict

PLOT: Final = "performance-memory"
_P95_MS: Final = 100
_WARM_UP_SECONDS: Final = 60
_LONG_SECONDS: Final = 300
"""In a shorter run it is not possible to tell whether memory is flat."""

Row = Mapping[str, str]


class Load(Struct, frozen=True):
    where: str
    load: str
    """Load average before the run."""
    users: int
    seconds: int
    workers: int
    rows: list[Row]
    """Locust's rows, one for each operation; the last is the sum."""
    cores: dict[str, float]
    samples: list[Sample]

    @property
    def long(self) -> bool:
        return self.seconds >= _LONG_SECONDS

    @property
    def failures(self) -> int:
        return int(self.rows[-1]["Failure Count"])

    @property
    def p95(self) -> float:
        return float(self.rows[-1]["95%"])

    def memory(self) -> dict[str, tuple[float, float]]:
        """MB in the first and in the last fifth of the run, by process."""
        figures = {
            "the service's worker": lambda sample: sample.worker,
            "PostgreSQL's largest process": lambda sample: sample.backend,
        }
        after = _WARM_UP_SECONDS if self.long else 0
        return {name: growth(self.samples, figure, after) for name, figure in figures.items()}

    @property
    def good(self) -> bool:
        flat = all(is_flat(first, last) for first, last in self.memory().values())
        return self.failures == 0 and self.p95 < _P95_MS and (flat or not self.long)


def rows_of(report: Path) -> list[Row]:
    with report.open(newline="") as lines:
        return list(csv.DictReader(lines))


def text(load: Load) -> str:
    columns = ("Request Count", "Failure Count", "50%", "95%", "99%", "Requests/s")
    figures = table(
        ("operation", "requests", "failures", "p50 ms", "p95", "p99", "requests/s"),
        (
            (row["Name"], *(f"{float(row[column]):,.0f}" for column in columns))
            for row in ({**row, "Name": "all" if row["Name"] == "Aggregated" else row["Name"]} for row in load.rows)
        ),
    )
    cores = ", ".join(f"{name} {cores:.2f}" for name, cores in load.cores.items())
    return f"""{load.where}; load average {load.load} before the run.

{load.users} users with 200 tasks each, for {load.seconds} seconds, on the machine that also runs PostgreSQL and \
Locust (one process, `FastHttpUser`). Each user opens the list. Then they search, add, complete and edit tasks, look \
up tags and open the list again, in random order, with pauses of 1 to 3 s (`benchmarks/load/locustfile.py`). The \
service is `todo-api run` with `--workers {load.workers}`, `LOG_LEVEL=WARNING` and default settings: 5 + 10 \
connections, rate limit 50/100. PostgreSQL has `shared_buffers` {SHARED_BUFFERS} and default settings. Cores in use: \
{cores}.

{figures}

No request fails: {verdict(load.failures == 0)}. p95 below {_P95_MS} ms: {verdict(load.p95 < _P95_MS)}.

{_memory(load)}
"""


def _memory(load: Load) -> str:
    rows = [
        (name, f"{first:.1f}", f"{last:.1f}", verdict(is_flat(first, last)) if load.long else "run too short to tell")
        for name, (first, last) in load.memory().items()
    ]
    head = ("memory, MB", "first fifth", "last fifth", "flat")
    since = f", from second {_WARM_UP_SECONDS} on" if load.long else ""
    return f"""Memory during the run{since}: the means of the first and of the last fifth. Memory is flat if it grows \
by at most 2 MB or 5 %. PostgreSQL's figure is without its shared buffers, which fill up to their limit; the plot \
includes them.

{table(head, rows)}

![Memory of the worker and of PostgreSQL during the run]({PLOT}.svg)
"""


def draw(load: Load) -> None:
    minutes = [sample.second / 60 for sample in load.samples]
    with drawn(PLOT, width=8, height=2.5) as axes:
        axes.plot(minutes, [sample.postgres for sample in load.samples], label="PostgreSQL, all processes and buffers")
        axes.plot(minutes, [sample.worker for sample in load.samples], label="the service's worker")
        axes.plot(minutes, [sample.backend for sample in load.samples], label="PostgreSQL's largest process")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("minutes")
        axes.set_ylabel("MB")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
