"""An issuer that publishes an empty key set has withdrawn all keys."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.auth.test_jwks import Clock, opened, run
from tests.support.forge import claims, signed
from tests.support.issuer import Issuer, issuing
from todo_api.auth import jwks as rules
from todo_api.auth.tokens import ExpectedClaims, InvalidToken
from todo_api.auth.verifier import Verifier
from todo_api.unavailable import KeysUnavailable

EMPTY = b'{"keys":[]}'


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


def test_an_empty_key_set_withdraws_all_keys_at_once(issuer: Issuer) -> None:
    payload = claims(issuer.url, "ann", exp=int(time.time()) + 86400)
    token = signed({"alg": "EdDSA", "kid": "EdDSA"}, payload, issuer.private["EdDSA"], "EdDSA")

    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            verifier = Verifier((), jwks, ExpectedClaims(issuer.url, "todo-api"), clock.wall)
            assert (await verifier.verify(token)).user == "ann"
            keys, issuer.body = issuer.body, EMPTY
            clock.ahead += rules.FRESH_SECONDS
            assert (await verifier.verify(token)).user == "ann", "once more, while the keys are fetched"
            async with asyncio.timeout(10):
                while jwks.epoch != 2:  # noqa: ASYNC110 - Jwks sets no event
                    await asyncio.sleep(0.01)
            assert verifier.cached(token) is None
            with pytest.raises(InvalidToken, match="no key of ours"):
                await verifier.verify(token)
            issuer.body = keys
            clock.ahead += rules.RETRY_SECONDS
            assert (await verifier.verify(token)).user == "ann", "the issuer publishes keys again"

    run(test)


def test_an_empty_key_set_becomes_stale_like_others(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        issuer.body = EMPTY
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("EdDSA") is None
            issuer.stop()
            clock.ahead += rules.STALE_SECONDS + 1
            with pytest.raises(KeysUnavailable):
                await jwks.key("EdDSA")

    run(test)
