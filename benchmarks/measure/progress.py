"""Progress of a long run, on stderr: time elapsed, time left, current step."""

import sys
import time
from typing import Final

_LINE_EVERY_SECONDS: Final = 10
"""Seconds between two lines if stderr is not a terminal, where a line cannot be overwritten."""


class Progress:
    """Each step names its expected seconds. The time left is scaled by the pace of the steps so far."""

    def __init__(self, expected: float) -> None:
        self._expected = expected
        self._begun_steps = 0.0
        self._current = 0.0
        self._began = time.monotonic()
        self._said = float("-inf")
        self._live = sys.stderr.isatty()

    def __call__(self, step: str, seconds: float) -> None:
        self._begun_steps += self._current
        self._current = seconds
        elapsed = time.monotonic() - self._began
        pace = elapsed / self._begun_steps if self._begun_steps else 1.0
        left = max(0.0, self._expected - self._begun_steps) * pace
        line = f"[{_clock(elapsed)} gone, {_clock(left)} left] {step}"
        if self._live:
            print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)
        elif elapsed - self._said >= _LINE_EVERY_SECONDS:
            self._said = elapsed
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        elapsed = _clock(time.monotonic() - self._began)
        print(f"\r[{elapsed}] done\033[K" if self._live else f"[{elapsed}] done", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02}"
