"""Better Auth's public keys: fetched when needed, and kept while Better Auth is unavailable.

PyJWT's own client blocks the event loop, accepts answers of any size, and drops its keys when a fetch fails.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from typing import Final

import httpx
import jwt

from todo_api.auth.keys import NoUsableKey, published_keys
from todo_api.observability.context import count_event
from todo_api.unavailable import KeysUnavailable

FRESH_SECONDS: Final = 300
"""After this age a request starts a fetch. After twice this age it also waits for it, unless the last fetch failed."""
STALE_SECONDS: Final = 24 * 3600
"""Keys of this age are dropped. Until then they are used while the issuer is unavailable."""
RETRY_SECONDS: Final = 5
"""Least time between the starts of two fetches, so that requests cannot cause more."""
_TIMEOUT_SECONDS: Final = 3
_MAX_BYTES: Final = 64 * 1024
_LOG: Final = logging.getLogger(__name__)


class Jwks:
    """The keys of one URL, with one fetch at a time."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self.clock = clock
        self.epoch = 0
        """Number of times the keys have changed."""
        self._keys: dict[str, jwt.PyJWK] = {}
        self._body = b""
        """The last key set. Empty: none was fetched, or it is stale. `{"keys":[]}` is a key set without keys."""
        self._fetched_at = self._began_at = float("-inf")
        self._check_at = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Starts the first fetch. Does not wait for it: Better Auth may start later than this service."""
        verify = ssl.create_default_context() if self.url.startswith("https:") else False
        self._client = httpx.AsyncClient(
            verify=verify,
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )
        self._fetch_if_allowed(self.clock())

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
        await self._client.aclose()

    def due(self) -> bool:
        """Whether tokens that were verified with these keys must be verified again."""
        return self.clock() >= self._check_at

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key with this `kid`, or None.

        Raises:
            KeysUnavailable: no key set was fetched yet or the last one is stale, so no token can be verified.
        """
        now = self.clock()
        if self._body and now - self._fetched_at > STALE_SECONDS:
            self._take({}, b"")
        if kid not in self._keys or now >= self._check_at:
            self._fetch_if_allowed(now)
            overdue = now - self._fetched_at > 2 * FRESH_SECONDS and not self._failed
            if self._fetching is not None and (kid not in self._keys or overdue):
                await asyncio.wait({self._fetching})
        if not self._body:
            raise KeysUnavailable
        return self._keys.get(kid)

    def _fetch_if_allowed(self, now: float) -> None:
        if self._fetching is None and now - self._began_at >= RETRY_SECONDS:
            self._began_at = now
            self._check_at = now + RETRY_SECONDS
            self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            body = await self._get()
            keys = published_keys(body)
        except (httpx.HTTPError, NoUsableKey, TimeoutError) as error:
            self._failed = True
            count_event("jwks_fetch", "failed")
            _LOG.warning(
                "keys: cannot fetch %s: %s; %d known", self.url, error or type(error).__name__, len(self._keys)
            )
        else:
            self._failed = False
            count_event("jwks_fetch", "ok")
            self._fetched_at = self.clock()
            self._check_at = self._fetched_at + FRESH_SECONDS
            if body != self._body:
                self._take(keys, body)
        finally:
            self._fetching = None

    def _take(self, keys: dict[str, jwt.PyJWK], body: bytes) -> None:
        self._keys, self._body = keys, body
        self.epoch += 1

    async def _get(self) -> bytes:
        body = bytearray()
        async with asyncio.timeout(_TIMEOUT_SECONDS), self._client.stream("GET", self.url) as answer:
            if answer.status_code != 200:
                raise NoUsableKey(f"it answers {answer.status_code}")
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise NoUsableKey(f"the answer is larger than {_MAX_BYTES} bytes")
        return bytes(body)
