"""Verified tokens are cached, and refused when they expire or their key is withdrawn."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.auth.test_jwks import Clock, opened, run
from tests.support.forge import claims, signed
from tests.support.issuer import Issuer, issuing, new_key, public
from todo_api.auth import jwks as rules
from todo_api.auth.jwks import Jwks
from todo_api.auth.keys import shared_secrets
from todo_api.auth.tokens import ExpectedClaims, ExpiredToken, InvalidToken
from todo_api.auth.verifier import MAX_CACHED, Verifier

SECRETS = shared_secrets([b"a-secret-for-the-tests-0123456789abcdef"])


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


async def settled(jwks: Jwks, *, epoch: int) -> None:
    async with asyncio.timeout(10):
        while jwks.epoch != epoch:  # noqa: ASYNC110 - Jwks sets no event
            await asyncio.sleep(0.01)


def token(issuer: Issuer, kid: str = "EdDSA", **changed: Any) -> str:
    return signed({"alg": "EdDSA", "kid": kid}, claims(issuer.url, "ann", **changed), issuer.private["EdDSA"], "EdDSA")


async def user_of(checker: Verifier, token: str) -> str:
    return (checker.cached(token) or await checker.verify(token)).user


def verifier(issuer: Issuer, jwks: Jwks | None, clock: Clock) -> Verifier:
    return Verifier(SECRETS, jwks, ExpectedClaims(issuer.url, "todo-api"), clock.wall)


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


def expired(issuer: Issuer, **changed: Any) -> str:
    """A token of seven days that expired a minute ago."""
    exp = int(time.time()) - 60
    payload = claims(issuer.url, "ann", **{"iat": exp - 7 * 86400, "exp": exp, **changed})
    return signed({"alg": "HS256"}, payload)


def test_a_token_that_has_just_expired_names_its_user_and_is_not_cached(issuer: Issuer) -> None:
    async def test() -> None:
        checker = verifier(issuer, None, Clock())
        for seconds in (60, 3600):
            with pytest.raises(ExpiredToken, match="expired") as raised:
                await checker.verify(expired(issuer, exp=int(time.time()) - seconds))
            assert raised.value.user == "ann"
        assert not checker._cached

    run(test)


def test_a_token_with_anything_else_wrong_names_no_user(issuer: Issuer) -> None:
    now = int(time.time())
    wrong = {
        "the signature": expired(issuer)[:-8] + "AAAAAAAA",
        "the issuer": expired(issuer, iss="https://another.example"),
        "the audience": expired(issuer, aud="another"),
        "the user": expired(issuer, sub="a/b"),
        "the begin": expired(issuer, nbf=now + 3600),
        "the lifetime": expired(issuer, iat=now - 61 - 7 * 86400),
        "an expiry long ago": expired(issuer, iat=now - 8000, exp=now - 3700),
        "an expiry as text": expired(issuer, exp=str(now - 60)),
    }

    async def test() -> None:
        checker = verifier(issuer, None, Clock())
        for name, token in wrong.items():
            with pytest.raises(InvalidToken) as raised:
                await checker.verify(token)
            assert type(raised.value) is InvalidToken, name

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
        assert [kept[name].token.user for name in (next(iter(kept)), next(reversed(kept)))] == ["user10", user]
        assert len(kept) == MAX_CACHED
        assert {(type(name), len(name)) for name in kept} == {(bytes, 32)}

    run(test)
