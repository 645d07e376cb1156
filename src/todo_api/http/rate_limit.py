"""The rate limit: users by the `sub` of their verified token, everybody else by address.

Why a token is verified first, even in a flood: docs/decisions/0050-rate-limit-identity.md.
"""

import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, ip_address
from math import ceil
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from todo_api.errors import TooManyRequests, send_error
from todo_api.http.token_bucket import Buckets, RateLimitDecision

UNCOUNTED: Final = frozenset({"/health", "/health/ready"})
"""Probes must not fail because somebody else behind the same address is busy."""
_VERDICT: Final = "rate_limit"


class RateLimit:
    """Counts on both sides of the guard.

    Behind it a user's request is counted before anything is done for it. Around it is counted what got no further than
    the guard or is public: by user where there is a verified one, else by the address of the peer. No header that a
    client can write has a say.
    """

    def __init__(self, rate: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.users = Buckets(rate, burst)
        self.addresses = Buckets(rate, burst)
        self.clock = clock
        self.policy: Final = [
            (b"ratelimit-policy", f"{burst};w={max(1, ceil(burst / rate))}".encode()),
            (b"ratelimit-limit", str(burst).encode()),
        ]

    def limit_authenticated(self, app: ASGIApp) -> ASGIApp:
        def users_counted(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["type"] == ScopeType.HTTP and "user" in scope:
                verdict = self.count(scope)
                if not verdict.allowed:
                    return _refuse(send, verdict)
            return app(scope, receive, send)

        return users_counted

    def limit_anonymous(self, guard: ASGIApp) -> ASGIApp:
        def refused_counted(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["type"] != ScopeType.HTTP or scope["path"].rstrip("/") in UNCOUNTED:
                return guard(scope, receive, send)
            return guard(scope, receive, _Counted(self, scope, send))

        return refused_counted

    def count(self, scope: HTTPScope) -> RateLimitDecision:
        user = scope.get("user")
        now = self.clock()
        verdict = self.addresses.take(_address(scope), now) if user is None else self.users.take(user, now)
        scope["state"][_VERDICT] = verdict
        return verdict


class _Counted:
    """`send`, with the limit's headers; what nobody has counted so far is counted here."""

    def __init__(self, throttle: RateLimit, scope: HTTPScope, send: Send) -> None:
        self.throttle = throttle
        self.scope = scope
        self.send = send
        self.replaced = False

    async def __call__(self, message: Message) -> None:
        if self.replaced:
            return
        if message["type"] == "http.response.start":
            verdict: RateLimitDecision | None = self.scope["state"].get(_VERDICT)
            if verdict is None:
                verdict = self.throttle.count(self.scope)
                if not verdict.allowed:
                    await _refuse(self, verdict)
                    self.replaced = True
                    return
            message["headers"] = [
                *message["headers"],
                *self.throttle.policy,
                (b"ratelimit-remaining", str(verdict.remaining).encode()),
                (b"ratelimit-reset", str(ceil(verdict.full_in)).encode()),
            ]
        await self.send(message)


async def _refuse(send: Send, verdict: RateLimitDecision) -> None:
    await send_error(send, TooManyRequests(), {"Retry-After": str(max(1, ceil(verdict.retry_in)))})


def _address(scope: HTTPScope) -> str:
    """The peer's; of IPv6 the /64, which is what one customer gets."""
    host = scope["client"][0] if scope["client"] else ""
    if ":" not in host:
        return host
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or address.exploded[:19])
