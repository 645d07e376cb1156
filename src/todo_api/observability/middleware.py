"""The outermost middleware: one log line and one count for each request, even if it is refused before a route."""

import logging
import re
from collections.abc import Callable
from hashlib import blake2b, sha256
from time import perf_counter
from typing import Final

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from todo_api.observability.context import RequestContext, count_event, request_context
from todo_api.observability.metrics import Metrics

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES: Final = frozenset({"/health", "/health/ready", "/metrics"})
_UNROUTED: Final = "unrouted"
"""The request was refused before routing, or no route matched. The path is not logged: clients choose its text."""
_TRACEPARENT: Final = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header"""

Trace = Callable[[HTTPScope, str, str, int, RequestContext], None]


class Pseudonyms:
    """Replaces user ids in logs: equal in every worker and replica, and not reversible without the secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = sha256(b"todo-api pseudonyms\0" + secret).digest()

    def __call__(self, user_id: str) -> str:
        return blake2b(user_id.encode(), digest_size=8, key=self._key).hexdigest()


class ObservabilityMiddleware:
    """ASGI middleware. `benchmarks/micro/observability.py` measures its cost."""

    def __init__(self, app: ASGIApp, pseudonyms: Pseudonyms, metrics: Metrics | None) -> None:
        self.app = app
        self.pseudonyms = pseudonyms
        self.metrics = metrics
        self.log = structlog.get_logger().bind()
        self.trace: Trace | None = None
        """Set when the worker starts, if traces are exported."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        method: str = scope["method"]  # `ResponseHeadersMiddleware` changes HEAD and OPTIONS
        context = RequestContext()
        request_context.set(context)
        try:
            await self.app(scope, receive, send)
        finally:
            self._record(scope, method, context)

    def _record(self, scope: HTTPScope, method: str, context: RequestContext) -> None:
        seconds = perf_counter() - context.began_at
        route = scope.get("path_template") or _UNROUTED
        status = context.status
        user = scope.get("user")
        if method not in _METHODS:
            method = "other"
        level = logging.DEBUG if route in _PROBES else logging.INFO
        if self.log.is_enabled_for(level):
            self.log.log(
                level,
                "request",
                method=method,
                route=route,
                status=status,
                ms=round(seconds * 1000, 2),
                db_ms=round(context.database_seconds * 1000, 2),
                statements=context.statements,
                bytes=context.bytes,
                request_id=context.request_id,
                **({"wait_ms": round(context.waited_seconds * 1000, 2)} if context.waited_seconds else {}),
                **({"events": context.events, "ended": context.ended} if context.opened_at else {}),
                **({"user": self.pseudonyms(user)} if user else {}),
                **_trace(scope),
            )
        if status == 429:
            count_event("rate_limited")
        if self.metrics is not None:
            # A stream may be open for an hour: its time to answer is the time until it began. A wait for a change is
            # not slowness either: it ends when something happens.
            ended = context.opened_at - context.began_at if context.opened_at else seconds
            answered = ended - context.waited_seconds
            database_seconds = 0.0 if context.opened_at else context.database_seconds
            self.metrics.request(method, route, status, answered, database_seconds)
        if self.trace is not None and route not in _PROBES:
            self.trace(scope, method, route, status, context)


def _trace(scope: HTTPScope) -> dict[str, str]:
    for name, value in scope["headers"]:
        if name == b"traceparent" and (match := _TRACEPARENT.fullmatch(value)):
            return {"trace_id": match[1].decode()}
    return {}
