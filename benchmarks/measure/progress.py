"""How far a long run is, on stderr: elapsed, what runs, time left."""

import sys
import time
from typing import Final

_LINE_EVERY_SECONDS: Final = 10
"""Where stderr is no terminal: lines are kept there, not overwritten."""


class Progress:
    """Told at each step how many seconds it should take; what is left goes by how well that held so far."""

    def __init__(self, expected: float) -> None:
        self._expected = expected
        self._begun_steps = 0.0
        self._current = 0.0
        self._began = time.monotonic()
        self._said = float("-inf")
        self._live = sys.stderr.isatty()

    def __call__(self, what: str, seconds: float) -> None:
        self._begun_steps += self._current
        self._current = seconds
        elapsed = time.monotonic() - self._began
        pace = elapsed / self._begun_steps if self._begun_steps else 1.0
        left = max(0.0, self._expected - self._begun_steps) * pace
        line = f"[{_clock(elapsed)} gone, {_clock(left)} left] {what}"
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
