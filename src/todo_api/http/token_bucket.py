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
    """Whole tokens left; 0 also if there are less than none."""
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
        return self._take(key, now, 1, 1)

    def charge(self, key: str, now: float, tokens: int) -> RateLimitDecision:
        """Takes further tokens for a request that `take` allowed. The bucket may then have less than none, so a request
        that needs more tokens than `burst` is possible, and those after it wait. Refused if it has less than none now.
        """
        return self._take(key, now, tokens, 0)

    def _take(self, key: str, now: float, tokens: int, least: int) -> RateLimitDecision:
        """Takes `tokens` if the bucket has `least`."""
        full_at = max(self._full_at.pop(key, now), now)
        over = full_at + least * self._interval - now - self._depth
        allowed = over <= _ROUNDING
        if allowed:
            full_at += tokens * self._interval
        self._full_at[key] = full_at
        self._drop_oldest(now)
        full_in = full_at - now
        left = (self._depth - full_in) / self._interval
        wait = 0.0 if left + _ROUNDING >= 1 else max(full_in + self._interval - self._depth, 0.0)
        return RateLimitDecision(allowed, max(int(left + _ROUNDING), 0), full_in, wait)

    def _drop_oldest(self, now: float) -> None:
        for _ in range(_MOST_DROPPED_PER_TAKE):
            oldest, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self._capacity:
                return
            del self._full_at[oldest]
            if not self._full_at:
                return
