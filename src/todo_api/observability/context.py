"""What a request cost and what happened in this worker, noted where it happens.

`observe.py` and `metrics.py` publish it, so that nothing below them knows of logs and metrics.
"""

from collections import Counter
from contextvars import ContextVar
from time import perf_counter
from types import TracebackType
from typing import Final


class RequestContext:
    """One request's."""

    __slots__ = (
        "began_at",
        "bytes",
        "database_began_at",
        "database_seconds",
        "request_id",
        "statements",
        "status",
    )

    def __init__(self) -> None:
        self.began_at = perf_counter()
        self.database_began_at = 0.0
        self.database_seconds = 0.0
        """Waiting for a connection included."""
        self.statements = 0
        self.request_id = ""
        self.status = 0
        """Of the answer; 0: there was none."""
        self.bytes = 0
        """Of the answer's body."""


class WorkerStats:
    """This process's. `events` are counted by name and kind, like ("retry", "lost connection")."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.in_flight = 0
        """Statements that run or wait for a connection."""


request_context: Final[ContextVar[RequestContext | None]] = ContextVar("request_context", default=None)
worker_stats: Final = WorkerStats()


def count_event(event: str, kind: str = "") -> None:
    """Counts something that happened: `metrics.EVENTS` says what there is."""
    worker_stats.events[event, kind] += 1


class StatementTimer:
    """A context manager around one statement. A class, since a generator would cost three times as much."""

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
