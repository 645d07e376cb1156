"""The report of the growth benchmark: tables, verdicts, the plot."""

import math
from itertools import cycle
from typing import Any, Final

from msgspec import Struct

from benchmarks.measure.plots import COLOURS, drawn
from tests.support.performance_page import table, verdict

PLOT: Final = "performance-growth"
_SEED_SECONDS: Final = 90


class Cost(Struct, frozen=True):
    """CPU µs."""

    postgres: float
    ours: float
    """CPU time of repository, driver and Structs."""


Costs = dict[int, dict[str, Cost]]
"""By number of users or tasks, then by operation."""


class Growth(Struct, frozen=True):
    where: str
    load: str
    """Load average before the run."""
    by_users: Costs
    by_tasks: Costs
    seeded: int
    """Tasks."""
    seed_seconds: float


def _bound(costs: Costs) -> float:
    """The largest ratio of the last cost to the first, if cost grows with the logarithm of the number."""
    return math.log(max(costs)) / math.log(min(costs))


def _figures(costs: Costs, what: str) -> str:
    rows = []
    for operation in costs[min(costs)]:
        series = [each[operation] for each in costs.values()]
        ratio = series[-1].postgres / series[0].postgres
        cells = [f"{cost.postgres:,.0f} + {cost.ours:,.0f}" for cost in series]
        rows.append((operation, *cells, f"{ratio:.1f}", "yes" if ratio <= _bound(costs) else "no"))
    head = ("operation", *(f"{count:,} {what}" for count in costs), "last ÷ first, PostgreSQL", "logarithmic at worst")
    return table(head, rows)


def text(growth: Growth) -> str:
    searches = (cost.postgres for name, cost in growth.by_tasks[max(growth.by_tasks)].items() if "search" in name)
    many = max(growth.by_tasks)
    return f"""{growth.where}; load average {growth.load} before the run.

CPU µs of an operation through the repositories: PostgreSQL's + our own (driver and Structs). Pages have 50 tasks; the \
far page is the last full page, at most the 1000th; searches are for one word, with the total unless the name says \
otherwise. Cost is logarithmic at worst if PostgreSQL's share grows at most as much as the logarithm of the number.

Growth with the number of users, who have 10 tasks each; the operations run for 100 users with 200 tasks:

{_figures(growth.by_users, "users")}

Growth with the number of one user's tasks, beside a thousand other users:

{_figures(growth.by_tasks, "tasks")}

![CPU time by the number of users, and by the number of one user's tasks]({PLOT}.svg)

The operations that grow with a user's tasks count or read all of these tasks. A total without filters, or by status \
alone, is stored; any other counts its matches. `with_total=false` and every page by cursor leave this out. Tags count \
the uses of each tag. A search with a total, or \
with few results, reads all tasks of this user, and no others: at worst {max(searches) / 1000:,.0f} ms of PostgreSQL \
with {many:,} tasks here. The service lets PostgreSQL end any statement after 4 s.

`todo-api seed`, {growth.seeded:,} tasks into a new embedded PostgreSQL, from start to end: {growth.seed_seconds:.0f} \
s; target for a million {_SEED_SECONDS} s: {verdict(growth.seed_seconds < _SEED_SECONDS)}.
"""


def draw(growth: Growth) -> None:
    panels = ((growth.by_users, "users"), (growth.by_tasks, "tasks of one user"))
    with drawn(PLOT, width=9, height=4, panels=2) as axes:
        for panel, (costs, what) in zip(axes, panels, strict=True):
            _lines(panel, costs)
            panel.set_xlabel(what)
        low = min(panel.get_ylim()[0] for panel in axes)
        high = max(panel.get_ylim()[1] for panel in axes)
        for panel in axes:
            panel.set_ylim(low, high)
        axes[0].set_ylabel("CPU µs, PostgreSQL and our own")
        axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")


def _lines(panel: Any, costs: Costs) -> None:
    styles = zip(cycle(COLOURS), ["-"] * len(COLOURS) + ["--"] * len(COLOURS), strict=False)
    for operation, (colour, style) in zip(costs[min(costs)], styles, strict=False):
        sums = [each[operation].postgres + each[operation].ours for each in costs.values()]
        panel.loglog(list(costs), sums, style, color=colour, marker=".", label=operation)
