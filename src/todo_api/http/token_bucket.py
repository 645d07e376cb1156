"""Token buckets, many of them, in bounded memory. Pure: the time comes as an argument."""

from collections import OrderedDict
from typing import Final

import msgspec

CAPACITY: Final = 100_000
"""Buckets kept at most; some 30 MB when all are in use."""
_ROUNDING: Final = 1e-9
_FORGOTTEN_EACH_TIME: Final = 2


class RateLimitDecision(msgspec.Struct, frozen=True, gc=False):
    allowed: bool
    remaining: int
    """Whole tokens left."""
    full_in: float
    """Seconds until the bucket is full again."""
    retry_in: float
    """Seconds until one more token is there; 0 where one is."""


class Buckets:
    """One bucket a key: `burst` tokens at most, `rate` new ones a second.

    A bucket is kept as the moment at which it will be full (GCRA, ITU-T I.371): one number. A bucket that is full again
    is as good as none, so the longest untouched ones are dropped on the way, and what is kept is no more than what was
    asked for in the last burst/rate seconds.
    """

    def __init__(self, rate: int, burst: int, capacity: int = CAPACITY) -> None:
        self.burst = burst
        self._interval = 1 / rate
        self._depth = burst / rate
        self._capacity = capacity
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, now: float) -> RateLimitDecision:
        """Takes a token from the bucket of `key`, if there is one."""
        full_at = max(self._full_at.pop(key, now), now)
        over = full_at + self._interval - now - self._depth
        allowed = over <= _ROUNDING
        if allowed:
            full_at += self._interval
        self._full_at[key] = full_at
        self._forget(now)
        full_in = full_at - now
        left = (self._depth - full_in) / self._interval
        return RateLimitDecision(
            allowed, int(left + _ROUNDING), full_in, 0.0 if left + _ROUNDING >= 1 else max(over, 0.0)
        )

    def _forget(self, now: float) -> None:
        for _ in range(_FORGOTTEN_EACH_TIME):
            oldest, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self._capacity:
                return
            del self._full_at[oldest]
            if not self._full_at:
                return
