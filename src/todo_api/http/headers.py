"""Request id, security headers and CORS for every response, including unknown paths and internal errors."""

import logging
import re
from collections.abc import Awaitable, Iterable
from random import getrandbits
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from todo_api.error_response import send_error
from todo_api.errors import InternalError, OriginNotAllowed
from todo_api.http.shutdown import Drain
from todo_api.observability.context import RequestContext, request_context

Headers = list[tuple[bytes, bytes]]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SECURITY: Final[Headers] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Origin"),
    (b"server", b""),  # otherwise the server adds its name
]
_BODY_HEADERS: Final = (b"content-type", b"content-length")
_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")
_NO_SCRIPTS: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_NO_STORE: Final = (b"cache-control", b"no-store")
_REVALIDATE: Final = (b"cache-control", b"private, no-cache")
_PREFLIGHT: Final[Headers] = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID",
    ),
    (b"access-control-max-age", b"600"),
]
_EXPOSED_HEADERS: Final = (
    b"ETag, Location, Change-Id, Idempotency-Replayed, X-Request-ID, Retry-After, "
    b"RateLimit-Policy, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)
_LOG: Final = logging.getLogger(__name__)


class _HeaderWriter:
    """`send` that adds the headers of every response, and records status and size in the request context."""

    def __init__(self, send: Send, scope: HTTPScope, allowed_origins: frozenset[bytes], always: Headers) -> None:
        self.send = send
        self.method: str = scope["method"]
        self.request_id = b""
        origin: bytes | None = None
        requests_method = False
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
            elif name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                self.request_id = value
            elif name == b"access-control-request-method":
                requests_method = True
        self.request_id = self.request_id or b"%016x" % getrandbits(64)
        self.context = request_context.get() or RequestContext()
        self.context.request_id = self.request_id.decode()
        self.bodiless = self.method == "HEAD"
        self.preflight = self.method == "OPTIONS" and origin is not None and requests_method
        self.origin_allowed = origin in allowed_origins
        self.origin = (origin or b"").decode("latin-1")
        self.headers: Headers = [(b"x-request-id", self.request_id), *always]
        if origin is not None and self.origin_allowed:
            self.headers += [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", _EXPOSED_HEADERS),
            ]

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *self.headers, *_cache_and_csp(message["headers"])]
            if self.method == "OPTIONS" and message["status"] == 405:
                message["status"] = 204
                self.bodiless = True
                message["headers"] = [h for h in message["headers"] if h[0] not in _BODY_HEADERS]
            self.context.status = message["status"]
        elif message["type"] == "http.response.body":
            if self.bodiless:
                message["body"] = b""
            self.context.bytes += len(message["body"])
        return self.send(message)


def _cache_and_csp(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Adds Cache-Control (no-store, or revalidate if there is an ETag) and, except for HTML, a CSP that blocks scripts.

    A response that has its own keeps it.
    """
    own = dict(headers)
    added: Headers = []
    if b"content-security-policy" not in own and not own.get(b"content-type", b"").startswith(b"text/html"):
        added.append(_NO_SCRIPTS)
    if b"cache-control" not in own:
        added.append(_REVALIDATE if b"etag" in own else _NO_STORE)
    return added


class ResponseHeadersMiddleware:
    """ASGI middleware: request id, security headers, CORS (WHATWG Fetch), HEAD and OPTIONS for every path.

    Litestar's CORS overwrites `Vary`, and sends Access-Control-Allow-Credentials to refused origins. Litestar does not
    answer HEAD on GET routes, and its OPTIONS names only one method of a path.
    """

    def __init__(self, app: ASGIApp, allowed_origins: frozenset[str], drain: Drain, *, secure: bool) -> None:
        self.app = app
        self.drain = drain
        self.allowed_origins = frozenset(origin.encode() for origin in allowed_origins)
        self.always: Headers = [*_SECURITY, _HTTPS_ONLY] if secure else _SECURITY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        writer = _HeaderWriter(send, scope, self.allowed_origins, self.always)
        if self.drain.begun:
            writer.headers.append((b"connection", b"close"))
        scope["state"]["request_id"] = writer.context.request_id
        try:
            if writer.preflight:
                await self._preflight(writer)
            else:
                # HEAD is routed as GET. OPTIONS is routed as an unknown method: the router's 405 names the known ones.
                if writer.method == "HEAD":
                    scope["method"] = "GET"
                    scope["state"]["head"] = True
                elif writer.method == "OPTIONS":
                    scope["method"] = "?"  # type: ignore[typeddict-item]
                await self.app(scope, receive, writer)
        except Exception as error:
            _LOG.error("unhandled", exc_info=error, extra={"request_id": writer.context.request_id})
            if writer.context.status:
                raise
            await send_error(writer, InternalError())

    async def _preflight(self, writer: _HeaderWriter) -> None:
        if not writer.origin_allowed:
            request_id = writer.context.request_id
            _LOG.info(
                "origin refused: %.200r: is it in ALLOWED_ORIGINS?", writer.origin, extra={"request_id": request_id}
            )
            await send_error(writer, OriginNotAllowed())
            return
        await writer({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
        await writer({"type": "http.response.body", "body": b"", "more_body": False})
