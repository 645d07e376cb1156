"""Keys of an issuer that is slow, wrong, hostile or unavailable. The HTTP is real; only the clock is replaced."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.forge import claims, signed
from tests.support.issuer import Issuer, issuing, new_key, public
from todo_api.auth import jwks as rules
from todo_api.auth.jwks import Jwks
from todo_api.auth.keys import shared_secrets
from todo_api.auth.tokens import ExpectedClaims, InvalidToken
from todo_api.auth.verifier import MAX_CACHED, Verifier
from todo_api.errors import KeysUnavailable

SECRETS = shared_secrets([b"a-secret-for-the-tests-0123456789abcdef"])


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


async def settled(jwks: Jwks, *, epoch: int) -> None:
    async with asyncio.timeout(10):
        while jwks.epoch != epoch:  # noqa: ASYNC110 - Jwks sets no event
            await asyncio.sleep(0.01)


def token(issuer: Issuer, kid: str = "EdDSA", **changed: Any) -> str:
    return signed({"alg": "EdDSA", "kid": kid}, claims(issuer.url, "ann", **changed), issuer.private["EdDSA"], "EdDSA")


async def user_of(checker: Verifier, token: str) -> str:
    return checker.cached(token) or await checker.verify(token)


def verifier(issuer: Issuer, jwks: Jwks | None, clock: Clock) -> Verifier:
    return Verifier(SECRETS, jwks, ExpectedClaims(issuer.url, "todo-api"), clock.wall)


def test_a_thousand_requests_share_one_fetch(issuer: Issuer) -> None:
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


def test_a_withdrawn_key_is_refused_although_its_tokens_were_cached(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            checker = verifier(issuer, jwks, clock)
            old = token(issuer, exp=int(time.time()) + 86400)
            assert await user_of(checker, old) == "ann"
            issuer.publish(public(new_key("EdDSA"), "EdDSA", kid="new"))
            clock.ahead += rules.FRESH_SECONDS
            assert await user_of(checker, old) == "ann", "accepted while the keys are fetched in the background"
            await settled(jwks, epoch=2)
            with pytest.raises(InvalidToken, match="no key of ours"):
                await user_of(checker, old)

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


def test_a_cached_token_is_refused_after_it_has_expired(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        checker = verifier(issuer, None, clock)
        short = signed({"alg": "HS256"}, claims(issuer.url, "ann", exp=int(time.time()) + 60))
        assert await user_of(checker, short) == "ann"
        clock.ahead = 120
        with pytest.raises(InvalidToken, match="expired"):
            await user_of(checker, short)

    run(test)


def test_the_cache_is_bounded_and_holds_hashes_of_tokens(issuer: Issuer) -> None:
    async def test() -> None:
        checker = verifier(issuer, None, Clock())
        for number in range(MAX_CACHED + 10):
            user = f"user{number}"
            assert await user_of(checker, signed({"alg": "HS256"}, claims(issuer.url, user))) == user
        with pytest.raises(InvalidToken):
            await user_of(checker, signed({"alg": "HS256"}, claims(issuer.url, "ann", exp=0)))
        kept = checker._cached
        assert [kept[name].user for name in (next(iter(kept)), next(reversed(kept)))] == ["user10", user]
        assert len(kept) == MAX_CACHED
        assert {(type(name), len(name)) for name in kept} == {(bytes, 32)}

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
        (200, {}, b'{"keys": []}'),
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
