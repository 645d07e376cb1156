"""Measurements of the current request, and event counters of this worker.

The code that causes them records them here. `middleware.py` and `metrics.py` publish them, so that no other module
depends on logs and metrics.
"""

from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from types import TracebackType
from typing import Final


class RequestContext:
    """Measurements of one request. Times are of `perf_counter`, in seconds."""

    __slots__ = (
        "began_at",
        "bytes",
        "database_began_at",
        "database_seconds",
        "ended",
        "events",
        "opened_at",
        "request_id",
        "statements",
        "status",
        "waited_seconds",
    )

    def __init__(self) -> None:
        self.began_at = perf_counter()
        self.database_began_at = 0.0
        self.database_seconds = 0.0
        """Includes waiting for a connection."""
        self.statements = 0
        self.request_id = ""
        self.status = 0
        """HTTP status of the response; 0 if none was sent."""
        self.bytes = 0
        """Length of the response body."""
        self.opened_at = 0.0
        """When a stream of events began; 0 for every other response."""
        self.waited_seconds = 0.0
        """How long the request waited for a change, as its client asked."""
        self.events = 0
        """Events that were sent on the stream."""
        self.ended = ""
        """Why the stream ended: `client` or the code of its last event."""


class WorkerStats:
    """Counters of this process. `events` has a count per name and kind, such as ("retry", "lost connection")."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.in_flight = 0
        """Statements that run now or wait for a connection."""
        self.streams = 0
        """Open streams of events."""
        self.observe_lag: Callable[[float], None] = _ignore
        """Takes the seconds from a change to its event. Replaced if metrics are kept."""


def _ignore(_: float) -> None:
    """Without metrics nothing is kept."""


request_context: Final[ContextVar[RequestContext | None]] = ContextVar("request_context", default=None)
worker_stats: Final = WorkerStats()


def count_event(event: str, kind: str = "") -> None:
    """Adds one to an event counter. `metrics.EVENTS` lists the events."""
    worker_stats.events[event, kind] += 1


class StatementTimer:
    """Context manager that measures one statement. A class: a generator would cost three times as much."""

    __slots__ = ("began_at",)

    def __enter__(self) -> None:
        worker_stats.in_flight += 1
        self.began_at = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        worker_stats.in_flight -= 1
        if (context := request_context.get()) is not None:
            context.database_began_at = context.database_began_at or self.began_at
            context.database_seconds += perf_counter() - self.began_at
            context.statements += 1
        if kind is not None:
            state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None) if error else None
            count_event("database_error", state[:2] if state else kind.__name__)
