"""Writes the report of a comparison: tables, verdicts, the plot."""

import statistics
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from benchmarks.compare.client import Outcome
from benchmarks.compare.startup import Start
from benchmarks.measure.plots import COLOURS, drawn
from benchmarks.measure.processes import Memory
from tests.support.performance_page import table, verdict, write_part

PLOT: Final = "performance-side-by-side"
_START_SECONDS: Final = 1.5
_WORKER_MB: Final = 120
_PAGES: Final = 8000
_SHOWN: Final = ("list of 50", "get", "create with two tags", "update", "toggle", "tags")
_TARGETS: Final = (
    ("list of 50", "floor", 1.25, "at most 1.25 × the floor"),
    ("get", "floor", 1.5, "at most 1.5 × the floor"),
    ("create with two tags", "floor", 1.5, "at most 1.5 × the floor"),
    ("list of 50", "fastify", 1.0, "no more than Fastify"),
    ("get", "fastify", 1.0, "no more than Fastify"),
    ("list of 50", "fastapi", 1 / 5, "at most a fifth of FastAPI"),
    ("create with two tags", "fastapi", 1 / 3, "at most a third of FastAPI"),
)

_WITHOUT_NEWS: Final = ("304 for a list", "304 for a task", "empty changes")
_LIMIT_WITHOUT_NEWS: Final = 1.25


class Run(Struct, frozen=True):
    server: float
    """CPU µs per request."""
    postgres: float
    outcome: Outcome

    @property
    def both(self) -> float:
        return self.server + self.postgres


class Comparison(Struct, frozen=True):
    where: str
    load: str
    """Load average before it began."""
    seconds: float
    rounds: int
    runs: dict[tuple[str, str], list[Run]]
    """By operation and contender: one run for each round."""
    pages: float
    """Lists a second in PostgreSQL alone, by pgbench."""
    starts: list[Start]
    before: dict[str, tuple[Memory, Memory]]
    """Before the rounds, by contender: all its processes, and the process that serves."""
    after: dict[str, tuple[Memory, Memory]]
    postgres: Memory

    def ratios(self, operation: str, other: str, cost: Callable[[Run], float]) -> list[float]:
        """The first contender's cost ÷ the other's, in each round: other work on the machine slowed both."""
        first = next(iter(self.after))
        pairs = zip(self.runs[operation, first], self.runs[operation, other], strict=True)
        return [cost(mine) / cost(theirs) for mine, theirs in pairs]


def _server(run: Run) -> float:
    return run.server


def _both(run: Run) -> float:
    return run.both


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def _median(runs: list[Run], figure: Callable[[Run], float]) -> str:
    return f"{statistics.median(map(figure, runs)):,.0f}"


def _row(comparison: Comparison, operation: str, name: str, runs: list[Run]) -> list[object]:
    answered = Outcome(milliseconds=[one for run in runs for one in run.outcome.milliseconds])
    first = next(iter(comparison.after))
    compared = name != first and (operation, first) in comparison.runs
    ratios = [_spread(comparison.ratios(operation, name, cost)) if compared else "" for cost in (_server, _both)]
    return [
        operation,
        name,
        *(_median(runs, figure) for figure in (_server, lambda run: run.postgres, _both)),
        _median(runs, lambda run: run.outcome.per_second),
        *(f"{answered.quantile(share):.1f}" for share in (0.5, 0.95, 0.99)),
        *ratios,
    ]


def side_by_side(comparison: Comparison) -> str:
    head = (
        *("operation", "server", "CPU µs of the server", "of PostgreSQL", "sum", "requests/s", "p50 ms", "p95", "p99"),
        *("service ÷ this, server", "service ÷ this, sum"),
    )
    figures = table(head, (_row(comparison, *key, runs) for key, runs in comparison.runs.items()), words=2)
    memory = table(
        ("server", "all its processes, MB", "the process that serves, MB"),
        (
            (name, f"{every.proportional:.0f}", f"{worker.resident:.0f}")
            for name, (every, worker) in comparison.after.items()
        ),
    )
    return f"""{comparison.where}; load average {comparison.load} before the run. {comparison.rounds} rounds. In each \
round, each operation ran for {comparison.seconds:g} s against each server in turn, from 32 connections. A connection \
sends the next request when the last one is answered. The load generator is on the same machine. Figures are medians \
of the rounds; percentiles are of all answers. A ratio compares two servers within a round: median (least–most).

{figures}

![CPU time per request, side by side]({PLOT}.svg)

Memory after the rounds: proportional set size (PSS) of all processes, and resident set size (RSS) of the process that \
serves. PostgreSQL had {comparison.postgres.proportional:,.0f} MB, including its shared buffers:

{memory}
"""


def targets(comparison: Comparison) -> str:
    rows = []
    for operation, other, limit, words in _TARGETS:
        server, both = (comparison.ratios(operation, other, cost) for cost in (_server, _both))
        met = statistics.median(server) <= limit
        rows.append((f"{operation}: {words}", f"≤ {limit:.2f}", _spread(server), _spread(both), verdict(met)))
    ratios = table(
        ("target", "limit of service ÷ other", "CPU of the server", "with PostgreSQL's", "verdict by the server's"),
        rows,
    )
    pages = verdict(comparison.pages >= _PAGES)
    return f"""{ratios}

PostgreSQL alone, measured by pgbench (prepared statements, 8 clients, a random one of 1000 users with 200 tasks; the \
service's own statement, 50 tasks with tags and total): {comparison.pages:,.0f} pages a second; target {_PAGES:,}: \
{pages}.
"""


def without_news(comparison: Comparison) -> str:
    """Reads that tell the client nothing new, beside a get, by the first contender. Empty if they were not measured."""
    first = next(iter(comparison.after))
    rows = []
    for operation in _WITHOUT_NEWS:
        pair = [comparison.runs.get((name, first)) for name in (operation, "get")]
        if all(pair):
            ratios = [[cost(mine) / cost(get) for mine, get in zip(*pair, strict=True)] for cost in (_server, _both)]
            met = statistics.median(ratios[1]) <= _LIMIT_WITHOUT_NEWS
            rows.append((operation, *map(_spread, ratios), f"≤ {_LIMIT_WITHOUT_NEWS:.2f}", verdict(met)))
    head = ("operation", "÷ get, CPU of the server", "÷ get, with PostgreSQL's", "target", "verdict by the sum")
    return table(head, rows) if rows else ""


def start_and_memory(comparison: Comparison) -> str:
    rows = []
    for words, field in (("`/health/ready` is 200", "ready"), ("a list is 200", "list")):
        seconds = [getattr(start, field) for start in comparison.starts]
        median = statistics.median(seconds)
        rows.append((f"start until {words}", f"{median:.2f} s ({min(seconds):.2f}–{max(seconds):.2f})", "< 1.5 s",
                     verdict(median < _START_SECONDS)))  # fmt: skip
    for words, taken in (("after its start", comparison.before), ("after the load above", comparison.after)):
        worker = next(iter(taken.values()))[1]
        figures = f"{worker.resident:.0f} MB resident, {worker.proportional:.0f} MB proportional"
        rows.append((f"a worker {words}", figures, "< 120 MB", verdict(worker.resident < _WORKER_MB)))
    count = len(comparison.starts)
    return f"""The program is started {count} times on a database that is running and migrated, and gets a request \
every 10 ms: median (least–most). 1 MB is 10⁶ bytes. The verdict uses resident memory.

{table(("what", "measured", "target", ""), rows)}
"""


def draw(comparison: Comparison) -> None:
    names = list(comparison.after)
    longest = max(
        statistics.median(map(_both, comparison.runs[operation, name]))
        for operation in _SHOWN
        for name in names
        if name != "fastapi"
    )
    with drawn(PLOT, width=8, height=4.5) as axes:
        for at, name in enumerate(names):
            _bars(axes, comparison, name, at, longest)
        axes.set_xlim(0, 1.15 * longest)
        axes.set_yticks([group + 0.3 for group in range(len(_SHOWN))], _SHOWN)
        axes.invert_yaxis()
        axes.set_xlabel("CPU µs per request of the server and, paler, of PostgreSQL; → is a bar too long to show")
        axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=len(names))


def _bars(axes: Any, comparison: Comparison, name: str, at: int, longest: float) -> None:
    height, colour = 0.2, COLOURS[at]
    for group, operation in enumerate(_SHOWN):
        runs = comparison.runs[operation, name]
        server, both = (statistics.median(map(cost, runs)) for cost in (_server, _both))
        place, shown = group + height * at, min(both, longest)
        axes.barh(place, shown, height=height * 0.9, color=colour, alpha=0.45)
        axes.barh(place, min(server, longest), height=height * 0.9, color=colour, label=name if group == 0 else None)
        words = f"{both:,.0f}" if both <= longest else f"→ {both:,.0f}"
        axes.text(shown + longest * 0.01, place, words, va="center", fontsize=7)


def write(comparison: Comparison) -> None:
    draw(comparison)
    write_part("side-by-side", f"{side_by_side(comparison)}\n{without_news(comparison)}\n")
    write_part("targets", targets(comparison))
    write_part("start", start_and_memory(comparison))
