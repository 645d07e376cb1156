"""Token → user, by shared secrets or published keys, with a cache of verified tokens."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import jwt

from todo_api.auth.jwks import Jwks
from todo_api.auth.tokens import MAX_TOKEN_BYTES, ExpectedClaims, Verified, read_header, verified

MAX_CACHED: Final = 8192
"""Most tokens in the cache, about 400 bytes each."""


class _CachedToken(NamedTuple):
    token: Verified
    published: bool
    """Verified with a key that the issuer published, and can withdraw."""


class Verifier:
    """Verifies tokens. The cache is LRU and keyed by SHA-256, so that it holds no token in clear."""

    def __init__(
        self,
        secrets: Sequence[jwt.PyJWK],
        jwks: Jwks | None,
        expected: ExpectedClaims,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.secrets = secrets
        self.jwks = jwks
        self.expected = expected
        self.clock = clock
        self._cached: OrderedDict[bytes, _CachedToken] = OrderedDict()
        self._epoch = 0

    def cached(self, token: str) -> Verified | None:
        """The user of `token`, and its times, if the cache has it."""
        if self.jwks is not None and self.jwks.epoch != self._epoch:
            self._epoch = self.jwks.epoch
            self._cached.clear()
        name = _name(token[: MAX_TOKEN_BYTES + 1])
        known = self._cached.get(name)
        if known is not None and self.clock() < known.token.expires and not self._withdrawable(known):
            self._cached.move_to_end(name)
            return known.token
        return None

    def _withdrawable(self, known: _CachedToken) -> bool:
        return known.published and self.jwks is not None and self.jwks.due()

    async def verify(self, token: str) -> Verified:
        """The user of `token`, and its times. Adds them to the cache.

        Raises:
            ExpiredToken: the token has just expired. Its signature is verified each time: it is not in the cache.
            InvalidToken: the token is refused.
            KeysUnavailable: no published key is known, so the token cannot be verified.
        """
        header = read_header(token)
        name = _name(token)
        published = self.jwks is not None and header.alg != "HS256"
        keys = await self._published(header.kid) if published else self.secrets
        epoch = self._epoch if self.jwks is None else self.jwks.epoch
        now = self.clock()
        good = verified(token, keys, self.expected, now)
        if epoch == self._epoch and now < good.expires:
            self._cached[name] = _CachedToken(good, published)
            self._cached.move_to_end(name)
            if len(self._cached) > MAX_CACHED:
                self._cached.popitem(last=False)
        return good

    async def _published(self, kid: str | None) -> Sequence[jwt.PyJWK]:
        key = None if self.jwks is None or kid is None else await self.jwks.key(kid)
        return () if key is None else (key,)


def _name(token: str) -> bytes:
    return sha256(token.encode()).digest()
