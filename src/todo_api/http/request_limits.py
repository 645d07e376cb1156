"""Limits that HTTP/1.1 leaves to the application: one valid Host, the length of the target, the time of the body."""

import asyncio
import re
from collections.abc import Awaitable
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from todo_api.error_bodies import FieldError
from todo_api.error_response import send_error
from todo_api.errors import BODY_SECONDS, ApiError, InvalidInput, SlowBody, UriTooLong

MAX_TARGET_BYTES: Final = 8192
"""Path and query. RFC 9110 §4.1 recommends at least 8000."""
_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]{1,255}")
"""The characters that RFC 3986 §3.2.2 allows in a host and a port."""


class RequestLimitsMiddleware:
    """ASGI middleware. It refuses a request before anything else is done for it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == ScopeType.HTTP:
            error = _error_for(scope)
            if error is not None:
                return send_error(send, error)
            receive = _TimedReceive(receive, scope)
        return self.app(scope, receive, send)


def _error_for(scope: HTTPScope) -> ApiError | None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
        return UriTooLong()
    # RFC 9112 §3.2. For a missing Host the server passes an empty one. HTTP/1.0 does not need it.
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if scope["http_version"] == "1.1" and (len(hosts) != 1 or not _HOST.fullmatch(hosts[0])):
        return InvalidInput([FieldError(["header", "host"], "HTTP/1.1 needs exactly one valid Host", "host")])
    return None


class _TimedReceive:
    """`receive`, with a deadline until the body is complete.

    A route sets its seconds as `opt={"body_seconds": …}`. They count from the first read, which is after routing. The
    server reports a broken body as a disconnect.
    """

    __slots__ = ("complete", "deadline", "receive", "scope", "seconds")

    def __init__(self, receive: Receive, scope: HTTPScope) -> None:
        self.receive = receive
        self.scope = scope
        self.seconds: float = BODY_SECONDS
        self.deadline: float | None = None
        self.complete = False

    async def __call__(self) -> Any:
        if self.complete:
            return await self.receive()
        if self.deadline is None:
            handler = self.scope.get("route_handler")
            if handler is not None:
                self.seconds = handler.opt.get("body_seconds", BODY_SECONDS)
            self.deadline = asyncio.get_running_loop().time() + self.seconds
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self.receive()
        except TimeoutError:
            raise SlowBody(self.seconds) from None
        if message["type"] == "http.disconnect":
            raise InvalidInput([FieldError(["body"], "The body ended early or its chunks are broken", "incomplete")])
        self.complete = not message.get("more_body", False)
        return message
