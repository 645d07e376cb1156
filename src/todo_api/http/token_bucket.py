"""Token buckets by key, in bounded memory. Does no I/O: the time is an argument."""

from collections import OrderedDict
from typing import Final

import msgspec

CAPACITY: Final = 100_000
"""Most buckets that are kept: about 30 MB when all are in use."""
_ROUNDING: Final = 1e-9
_MOST_DROPPED_PER_TAKE: Final = 2


class RateLimitDecision(msgspec.Struct, frozen=True, gc=False):
    allowed: bool
    remaining: int
    """Whole tokens left."""
    full_in: float
    """Seconds until the bucket is full again."""
    retry_in: float
    """Seconds until a token is available; 0 if one is."""


class Buckets:
    """One bucket per key: `burst` tokens at most, `rate` new tokens a second.

    A bucket is stored as one number: the time at which it will be full (GCRA, ITU-T I.371). A full bucket need not be
    stored. So each call drops the least recently used ones that are full, and those left were used in the last
    burst/rate seconds. Above `capacity` it drops the least recently used ones in any state.
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
        """Takes a token from the bucket of `key`, if it has one. `now` is in seconds, of a monotonic clock."""
        full_at = max(self._full_at.pop(key, now), now)
        over = full_at + self._interval - now - self._depth
        allowed = over <= _ROUNDING
        if allowed:
            full_at += self._interval
        self._full_at[key] = full_at
        self._drop_oldest(now)
        full_in = full_at - now
        left = (self._depth - full_in) / self._interval
        return RateLimitDecision(
            allowed, int(left + _ROUNDING), full_in, 0.0 if left + _ROUNDING >= 1 else max(over, 0.0)
        )

    def _drop_oldest(self, now: float) -> None:
        for _ in range(_MOST_DROPPED_PER_TAKE):
            oldest, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self._capacity:
                return
            del self._full_at[oldest]
            if not self._full_at:
                return
