"""Memory and CPU time of processes while something else runs."""

import statistics
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import psutil
from msgspec import Struct

from benchmarks.measure.processes import Family

EVERY_SECONDS: Final = 2.0
_NOTICED_MB: Final = 2
_NOTICED_SHARE: Final = 0.05


class Sample(Struct, frozen=True):
    second: float
    worker: float
    """Resident MB of the service's worker."""
    backend: float
    """Private MB of PostgreSQL's largest process. Shared buffers are left out: they fill up to their limit."""
    postgres: float
    """MB of all PostgreSQL processes, shared buffers included."""


class Watch:
    """Samples while its `with` block runs. `families`: the service, PostgreSQL, and other processes to measure."""

    def __init__(self, families: Mapping[str, Family], tell: Callable[[], None]) -> None:
        self.samples: list[Sample] = []
        self.cores: dict[str, float] = {}
        """Average number of cores in use, by family."""
        self._families = families
        self._tell = tell
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        began = time.monotonic()
        before = {name: family.spent() for name, family in self._families.items()}
        while not self._done.wait(EVERY_SECONDS):
            second = time.monotonic() - began
            for name, family in self._families.items():
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    self.cores[name] = family.since(before[name]) / second
            postgres = self._families["PostgreSQL"]
            self.samples.append(
                Sample(
                    second,
                    self._families["the service"].worker().resident,
                    postgres.largest().private,
                    postgres.memory().proportional,
                )
            )
            self._tell()


def growth(samples: list[Sample], figure: Callable[[Sample], float], after: float) -> tuple[float, float]:
    """Means of the first and the last fifth of the samples after second `after`."""
    values = [figure(sample) for sample in samples if sample.second > after]
    fifth = max(1, len(values) // 5)
    return statistics.mean(values[:fifth]), statistics.mean(values[-fifth:])


def is_flat(first: float, last: float) -> bool:
    return last - first <= max(_NOTICED_MB, _NOTICED_SHARE * first)
