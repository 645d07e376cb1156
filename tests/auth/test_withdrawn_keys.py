"""An issuer that publishes an empty key set has withdrawn all keys."""

import time

import pytest

from tests.auth.test_jwks import Clock, issuer, opened, run, settled, token, user_of, verifier
from tests.support.issuer import Issuer
from todo_api.auth import jwks as rules
from todo_api.auth.tokens import InvalidToken
from todo_api.errors import KeysUnavailable

__all__ = ["issuer"]


def test_an_empty_key_set_withdraws_all_keys_at_once(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        async with opened(issuer.url, clock) as jwks:
            guard = verifier(issuer, jwks, clock)
            old = token(issuer, exp=int(time.time()) + 86400)
            assert await user_of(guard, old) == "ann"
            keys, issuer.body = issuer.body, b'{"keys":[]}'
            clock.ahead += rules.FRESH_SECONDS
            assert await user_of(guard, old) == "ann", "one more, while the keys are fetched"
            await settled(jwks, epoch=2)
            with pytest.raises(InvalidToken, match="no key of ours"):
                await user_of(guard, old)
            issuer.body = keys
            clock.ahead += rules.RETRY_SECONDS
            assert await user_of(guard, old) == "ann", "the issuer publishes keys again"

    run(test)


def test_before_the_first_fetch_an_empty_key_set_is_not_assumed(issuer: Issuer) -> None:
    async def test() -> None:
        clock = Clock()
        issuer.body = b'{"keys":[]}'
        async with opened(issuer.url, clock) as jwks:
            assert await jwks.key("EdDSA") is None
            issuer.stop()
            clock.ahead += rules.STALE_SECONDS + 1
            with pytest.raises(KeysUnavailable):
                await jwks.key("EdDSA")

    run(test)
