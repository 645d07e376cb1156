"""The keys of an issuer that is slow, wrong, hostile or away. Its HTTP is real; only the clock is ours."""

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
        while jwks.epoch != epoch:  # noqa: ASYNC110 - what is tested sets no event
            await asyncio.sleep(0.01)


def token(issuer: Issuer, kid: str = "EdDSA", **changed: Any) -> str:
    return signed({"alg": "EdDSA", "kid": kid}, claims(issuer.url, "ann", **changed), issuer.private["EdDSA"], "EdDSA")


async def user_of(guard: Verifier, token: str) -> str:
    return guard.cached(token) or await guard.verify(token)


def verifier(issuer: Issuer, jwks: Jwks | None, clock: Clock) -> Verifier:
    return Verifier(SECRETS, jwks, ExpectedClaims(issuer.url, "todo-api"), clock.wall)


def test_a_thousand_requests_are_one_fetch(issuer: Issuer) -> None:
    async def test() -> None:
        issuer.delay = 0.2
        async with opened(issuer.url, Clock()) as jwks:
            keys = await asyncio.gather(*(jwks.key("EdDSA") for _ in range(1000)))
            assert all(key is not None and key.algorithm_name == "EdDSA" for key in keys)
        assert issuer.hits == 1

    run(test)


def test_a_rotation_is_seen_at_the_first_token_of_the_new_key(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("new") is None
            issuer.publish(public(issuer.private["EdDSA"], "EdDSA", kid="new"))
            assert await jwks.key("new") is None, "not within the throttle"
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
            issuer.start_again()
            assert await jwks.key("x") is None
            assert issuer.hits == hits

    run(test)


def test_stale_keys_serve_while_the_issuer_is_away(issuer: Issuer) -> None:
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
            issuer.start_again()
            clock.ahead += rules.RETRY_SECONDS
            assert await jwks.key("EdDSA") is not None

    run(test)


def test_a_hanging_issuer_delays_nobody_whose_key_is_known(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("EdDSA") is not None
            issuer.delay = 20
            clock.ahead += rules.FRESH_SECONDS
            async with asyncio.timeout(1):
                assert all(await asyncio.gather(*(jwks.key("EdDSA") for _ in range(100))))
            async with asyncio.timeout(8):
                assert await jwks.key("unknown") is None, "waits for one fetch, which gives up"
            clock.ahead += 10 * rules.FRESH_SECONDS
            async with asyncio.timeout(1):
                assert await jwks.key("EdDSA") is not None, "after a failure nobody waits"
        issuer.delay = 0

    run(test)


def test_the_event_loop_goes_on_while_keys_are_fetched(issuer: Issuer) -> None:
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


def test_a_withdrawn_key_dies_though_its_tokens_were_remembered(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            guard = verifier(issuer, jwks, clock)
            old = token(issuer, exp=int(time.time()) + 86400)
            assert await user_of(guard, old) == "ann"
            issuer.publish(public(new_key("EdDSA"), "EdDSA", kid="new"))
            clock.ahead += rules.FRESH_SECONDS
            assert await user_of(guard, old) == "ann", "one more, while the keys are fetched"
            await settled(jwks, epoch=2)
            with pytest.raises(InvalidToken, match="no key of ours"):
                await user_of(guard, old)

    run(test)


def test_after_a_long_rest_the_first_request_waits_for_fresh_keys(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("EdDSA") is not None
            issuer.publish(public(new_key("EdDSA"), "EdDSA", kid="new"))
            clock.ahead += 3 * rules.FRESH_SECONDS
            assert await jwks.key("EdDSA") is None

    run(test)


def test_a_remembered_token_is_not_served_past_its_end(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        guard = verifier(issuer, None, clock)
        short = signed({"alg": "HS256"}, claims(issuer.url, "ann", exp=int(time.time()) + 60))
        assert await user_of(guard, short) == "ann"
        clock.ahead = 120
        with pytest.raises(InvalidToken, match="expired"):
            await user_of(guard, short)

    run(test)


def test_the_memory_of_tokens_is_bounded_and_holds_none(issuer: Issuer) -> None:
    async def test() -> None:
        guard = verifier(issuer, None, Clock())
        for number in range(MAX_CACHED + 10):
            user = f"user{number}"
            assert await user_of(guard, signed({"alg": "HS256"}, claims(issuer.url, user))) == user
        with pytest.raises(InvalidToken):
            await user_of(guard, signed({"alg": "HS256"}, claims(issuer.url, "ann", exp=0)))
        kept = guard._cached
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
        (200, {}, b'{"keys": ["text"]}'),
        (200, {}, b"[]"),
        (200, {}, b"\xff"),
        (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"),
    ],
)
def test_a_bad_answer_is_no_keys_and_loses_none(
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
