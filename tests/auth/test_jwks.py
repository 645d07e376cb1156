"""Keys of an issuer that is slow, wrong, hostile or unavailable. The HTTP is real; only the clock is replaced."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.issuer import Issuer, issuing, new_key, public
from todo_api.auth import jwks as rules
from todo_api.auth.jwks import Jwks
from todo_api.unavailable import KeysUnavailable


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead

    def wall(self) -> float:
        return time.time() + self.ahead


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 30))


@asynccontextmanager
async def opened(url: str, clock: Clock) -> AsyncIterator[Jwks]:
    jwks = Jwks(url, clock)
    jwks.open()
    try:
        yield jwks
    finally:
        await jwks.close()


def test_a_thousand_requests_share_one_fetch(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_TIMEOUT_SECONDS", 20)  # a thousand tasks may take seconds on a busy machine

    async def test() -> None:
        issuer.delay = 0.2
        async with opened(issuer.url, Clock()) as jwks:
            keys = await asyncio.gather(*(jwks.key("EdDSA") for _ in range(1000)))
            assert all(key is not None and key.algorithm_name == "EdDSA" for key in keys)
        assert issuer.hits == 1

    run(test)


def test_a_new_key_is_fetched_when_its_first_token_comes(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("new") is None
            issuer.publish(public(issuer.private["EdDSA"], "EdDSA", kid="new"))
            assert await jwks.key("new") is None, "not within RETRY_SECONDS of the last fetch"
            clock.ahead += rules.RETRY_SECONDS
            assert await jwks.key("new") is not None
            assert await jwks.key("EdDSA") is None
        assert issuer.hits == 2

    run(test)


def test_unknown_keys_cause_one_fetch_per_interval(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("EdDSA") is not None
            issuer.stop()
            hits = issuer.hits
            clock.ahead += rules.RETRY_SECONDS
            assert not any(await asyncio.gather(*(jwks.key(f"x{number}") for number in range(2000))))
            issuer.start()
            assert await jwks.key("x") is None
            assert issuer.hits == hits

    run(test)


def test_old_keys_are_used_while_the_issuer_is_unavailable(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("EdDSA") is not None
            issuer.stop()
            for _ in range(3):
                clock.ahead += rules.STALE_SECONDS / 4
                assert await jwks.key("EdDSA") is not None
            clock.ahead += rules.STALE_SECONDS / 3
            with pytest.raises(KeysUnavailable):
                await jwks.key("EdDSA")
            issuer.start()
            clock.ahead += rules.RETRY_SECONDS
            assert await jwks.key("EdDSA") is not None

    run(test)


def test_a_hanging_issuer_delays_only_tokens_with_an_unknown_key(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("EdDSA") is not None
            issuer.delay = 20
            clock.ahead += rules.FRESH_SECONDS
            async with asyncio.timeout(1):
                assert all(await asyncio.gather(*(jwks.key("EdDSA") for _ in range(100))))
            async with asyncio.timeout(8):
                assert await jwks.key("unknown") is None, "it waits for one fetch, which times out"
            clock.ahead += 10 * rules.FRESH_SECONDS
            async with asyncio.timeout(1):
                assert await jwks.key("EdDSA") is not None, "after a failed fetch no request waits"
        issuer.delay = 0

    run(test)


def test_fetching_keys_does_not_block_the_event_loop(issuer: Issuer) -> None:
    async def test() -> None:
        issuer.delay = 1
        async with opened(issuer.url, Clock()) as jwks:
            waiting = asyncio.create_task(jwks.key("EdDSA"))
            ticks = 0
            while not waiting.done():
                await asyncio.sleep(0.01)
                ticks += 1
            assert await waiting is not None
        assert ticks > 10

    run(test)


def test_after_a_long_pause_the_first_request_waits_for_fresh_keys(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("EdDSA") is not None
            issuer.publish(public(new_key("EdDSA"), "EdDSA", kid="new"))
            clock.ahead += 3 * rules.FRESH_SECONDS
            assert await jwks.key("EdDSA") is None

    run(test)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (302, {"Location": "{url}/elsewhere"}, None),
        (307, {"Location": "{url}/elsewhere"}, None),
        (404, {}, None),
        (500, {}, None),
        (200, {}, b"x" * 70_000),
        (200, {}, b'{"keys": [' + b" " * 66_000 + b"]}"),
        (200, {}, b"<html>"),
        (200, {}, b"[" * 60_000),
        (200, {}, b'{"keys": {}}'),
        (200, {}, b'{"keys": ["text"]}'),
        (200, {}, b"[]"),
        (200, {}, b"\xff"),
        (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"),
    ],
    ids=[
        "302",
        "307",
        "404",
        "500",
        "70 000 bytes of text",
        "66 000 spaces in JSON",
        "HTML",
        "deep JSON",
        "keys not a list",
        "no keys",
        "not an object",
        "not UTF-8",
        "gzip",
    ],
)
def test_a_bad_answer_adds_no_key_and_loses_no_key(
    issuer: Issuer, status: int, headers: dict[str, str], body: bytes | None
) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("EdDSA") is not None
            issuer.status, issuer.body = status, issuer.body if body is None else body
            issuer.headers = {name: value.format(url=issuer.url) for name, value in headers.items()}
            clock.ahead += rules.RETRY_SECONDS
            assert await jwks.key("new") is None
            assert await jwks.key("EdDSA") is not None
            assert (issuer.hits, jwks.epoch) == (2, 1)

    run(test)
