"""The token bucket by itself, against a plain one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from todo_api.http.token_bucket import Buckets

TICKS = st.lists(st.integers(0, 3000), min_size=1, max_size=60)


@settings(deadline=None)
@given(rate=st.integers(1, 50), burst=st.integers(1, 50), waits=TICKS)
def test_it_allows_what_a_plain_bucket_allows(rate: int, burst: int, waits: list[int]) -> None:
    """Milliseconds and thousandths of a token: the plain one counts in whole numbers."""
    buckets = Buckets(rate, burst)
    tokens, now = burst * 1000, 0
    for wait in waits:
        now += wait
        tokens = min(burst * 1000, tokens + wait * rate)
        verdict = buckets.take("ann", now / 1000)
        assert verdict.allowed == (tokens >= 1000)
        tokens -= 1000 * verdict.allowed
        assert verdict.remaining == tokens // 1000
        assert abs(verdict.full_in - (burst * 1000 - tokens) / 1000 / rate) < 1e-6
        if not verdict.allowed:
            assert abs(verdict.retry_in - (1000 - tokens) / 1000 / rate) < 1e-6


def test_users_have_buckets_of_their_own() -> None:
    buckets = Buckets(1, 1)
    assert buckets.take("ann", 0).allowed
    assert not buckets.take("ann", 0).allowed
    assert buckets.take("bob", 0).allowed


def test_a_bucket_that_is_full_again_is_dropped() -> None:
    buckets = Buckets(50, 100)
    for number in range(100_000):
        buckets.take(f"user{number}", number / 1000)
    assert len(buckets) <= 1000 * 100 / 50


def test_there_is_an_end_to_it() -> None:
    buckets = Buckets(1, 10, capacity=1000)
    for number in range(10_000):
        buckets.take(f"address{number}", 0)
    assert len(buckets) <= 1001
    assert buckets.take("address9999", 0).remaining == 8


def test_a_charge_may_leave_less_than_nothing_and_later_takes_wait() -> None:
    """A request of ten in a bucket of three is possible at once. The next one comes when the rest is made up for."""
    buckets = Buckets(1, 3)
    assert buckets.take("ann", 0.0).allowed
    charged = buckets.charge("ann", 0.0, 9)
    assert (charged.allowed, charged.remaining, charged.full_in) == (True, 0, 10.0)
    refused = buckets.take("ann", 0.0)
    assert (refused.allowed, refused.remaining, refused.retry_in) == (False, 0, 8.0)
    assert not buckets.take("ann", 7.9).allowed
    assert buckets.take("ann", 8.0).allowed


def test_a_charge_is_refused_if_another_one_came_first() -> None:
    """Both requests were taken before either was charged: only one of them gets more than the bucket has."""
    buckets = Buckets(1, 3)
    assert buckets.take("ann", 0.0).allowed
    assert buckets.take("ann", 0.0).allowed
    assert buckets.charge("ann", 0.0, 9).allowed
    refused = buckets.charge("ann", 0.0, 9)
    assert (refused.allowed, refused.retry_in) == (False, 9.0)
    assert buckets.charge("bob", 0.0, 9).allowed
