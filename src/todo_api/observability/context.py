"""What a request cost and what happened in this worker, noted where it happens.

`observe.py` and `metrics.py` publish it, so that nothing below them knows of logs and metrics.
"""

from collections import Counter
from contextvars import ContextVar
from time import perf_counter
from types import TracebackType
from typing import Final


class Account:
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


class Worker:
    """This process's. `events` are counted by name and kind, like ("retry", "lost connection")."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.in_flight = 0
        """Statements that run or wait for a connection."""


CURRENT: Final[ContextVar[Account | None]] = ContextVar("account", default=None)
WORKER: Final = Worker()


def note(event: str, kind: str = "") -> None:
    """Counts something that happened: `metrics.EVENTS` says what there is."""
    WORKER.events[event, kind] += 1


class StatementTime:
    """A context manager around one statement. A class, since a generator would cost three times as much."""

    __slots__ = ("began_at",)

    def __enter__(self) -> None:
        WORKER.in_flight += 1
        self.began_at = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        WORKER.in_flight -= 1
        if (account := CURRENT.get()) is not None:
            account.database_began_at = account.database_began_at or self.began_at
            account.database_seconds += perf_counter() - self.began_at
            account.statements += 1
        if kind is not None:
            state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None) if error else None
            note("database_error", state[:2] if state else kind.__name__)
