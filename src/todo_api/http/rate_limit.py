"""The rate limit: by user for a verified token (its `sub`), even if it has just expired, otherwise by address.

docs/decisions/0050-rate-limit-identity.md says why the token is verified first, even in a flood, and
docs/decisions/0112-rate-limit-of-expired-tokens.md why an expired one counts for its user.
"""

import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, ip_address
from math import ceil
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from todo_api.error_response import send_error
from todo_api.errors import TooManyRequests
from todo_api.http.token_bucket import Buckets, RateLimitDecision

UNCOUNTED: Final = frozenset({"/health", "/health/ready"})
"""Not limited. Probes must not fail because of other clients behind the same address."""
_DECISION: Final = "rate_limit"
_LIMIT: Final = "rate_limit_of_user"


class RateLimit:
    """The token buckets that both middleware classes share. No header that a client can write has any effect."""

    def __init__(self, rate: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate`: requests a second. `burst`: requests at once."""
        self.users = Buckets(rate, burst)
        self.addresses = Buckets(rate, burst)
        self.clock = clock
        self.policy: Final = [
            (b"ratelimit-policy", f"{burst};w={max(1, ceil(burst / rate))}".encode()),
            (b"ratelimit-limit", str(burst).encode()),
        ]

    def count(self, scope: HTTPScope) -> RateLimitDecision:
        user = scope.get("user") or scope["state"].get("expired_user")
        now = self.clock()
        decision = self.addresses.take(_address(scope), now) if user is None else self.users.take(user, now)
        scope["state"][_DECISION] = decision
        scope["state"][_LIMIT] = self
        return decision

    def charge(self, scope: HTTPScope, requests: int) -> None:
        """Counts the user's request, which was counted once, as `requests` more."""
        decision = self.users.charge(scope["user"], self.clock(), requests)
        scope["state"][_DECISION] = decision
        if not decision.allowed:
            raise TooManyRequests(_retry_after(decision))


def charge(scope: HTTPScope, requests: int) -> None:
    """Counts the user's request as `requests` more. Does nothing without a rate limit.

    The user may then have less than none left. So a request that counts as many is possible, whatever the limit is, and
    those after it wait.

    Raises:
        TooManyRequests: since this request was counted, others left the user with less than none.
    """
    limit: RateLimit | None = scope["state"].get(_LIMIT)
    if limit is not None:
        limit.charge(scope, requests)


class UserRateLimitMiddleware:
    """ASGI middleware after authentication. It counts a user's request before anything else is done for it."""

    def __init__(self, app: ASGIApp, limit: RateLimit) -> None:
        self.app = app
        self.limit = limit

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == ScopeType.HTTP and "user" in scope:
            decision = self.limit.count(scope)
            if not decision.allowed:
                return _refuse(send, decision)
        return self.app(scope, receive, send)


class AnonymousRateLimitMiddleware:
    """ASGI middleware before authentication. It adds the RateLimit headers to every response.

    When a response starts that was not counted, it counts it: by user if the token was valid (another user's path)
    or has just expired (401), otherwise by the peer's address (other 401s, public paths).
    """

    def __init__(self, app: ASGIApp, limit: RateLimit) -> None:
        self.app = app
        self.limit = limit

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != ScopeType.HTTP or scope["path"].rstrip("/") in UNCOUNTED:
            return self.app(scope, receive, send)
        return self.app(scope, receive, _CountedSend(self.limit, scope, send))


class _CountedSend:
    """`send` that adds the headers of the rate limit, and counts the request if that was not done yet."""

    def __init__(self, limit: RateLimit, scope: HTTPScope, send: Send) -> None:
        self.limit = limit
        self.scope = scope
        self.send = send
        self.replaced = False

    async def __call__(self, message: Message) -> None:
        if self.replaced:
            return
        if message["type"] == "http.response.start":
            decision: RateLimitDecision | None = self.scope["state"].get(_DECISION)
            if decision is None:
                decision = self.limit.count(self.scope)
                if not decision.allowed:
                    await _refuse(self, decision)
                    self.replaced = True
                    return
            message["headers"] = [
                *message["headers"],
                *self.limit.policy,
                (b"ratelimit-remaining", str(decision.remaining).encode()),
                (b"ratelimit-reset", str(ceil(decision.full_in)).encode()),
            ]
        await self.send(message)


async def _refuse(send: Send, decision: RateLimitDecision) -> None:
    await send_error(send, TooManyRequests(_retry_after(decision)))


def _retry_after(decision: RateLimitDecision) -> int:
    return max(1, ceil(decision.retry_in))


def _address(scope: HTTPScope) -> str:
    """The peer's address. Of IPv6 only the /64 prefix, since one customer gets a whole /64."""
    host = scope["client"][0] if scope["client"] else ""
    if ":" not in host:
        return host
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or address.exploded[:19])
