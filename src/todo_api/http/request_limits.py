"""What HTTP/1.1 leaves to the application: one Host, a target of bearable length, a body that comes in time."""

import asyncio
import re
from collections.abc import Awaitable
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from todo_api.errors import ApiError, FieldError, InvalidInput, SlowBody, UriTooLong, send_error

MAX_TARGET_BYTES: Final = 8192
"""RFC 9110 §4.1 asks for 8000 at least."""
BODY_SECONDS: Final = 10
"""For a whole body, which is 64 KiB at most."""
_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]{1,255}")
"""RFC 3986 §3.2.2 and a port, for their characters."""


class RequestLimitsMiddleware:
    """ASGI middleware. A request that it refuses has cost nothing yet."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == ScopeType.HTTP:
            refusal = _error_for(scope)
            if refusal is not None:
                return send_error(send, refusal)
            receive = _Body(receive)
        return self.app(scope, receive, send)


def _error_for(scope: HTTPScope) -> ApiError | None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
        return UriTooLong()
    # RFC 9112 §3.2. Where there is none, the server gives an empty one. HTTP/1.0 needs none.
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if scope["http_version"] == "1.1" and (len(hosts) != 1 or not _HOST.fullmatch(hosts[0])):
        return InvalidInput([FieldError(["header", "host"], "HTTP/1.1 needs exactly one valid Host", "host")])
    return None


class _Body:
    """`receive`, until the body is there. The server reports broken framing as a client that is gone."""

    __slots__ = ("complete", "deadline", "receive")

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.deadline: float | None = None
        self.complete = False

    async def __call__(self) -> Any:
        if self.complete:
            return await self.receive()
        if self.deadline is None:
            self.deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self.receive()
        except TimeoutError:
            raise SlowBody from None
        if message["type"] == "http.disconnect":
            raise InvalidInput([FieldError(["body"], "The body ended early or its chunks are broken", "incomplete")])
        self.complete = not message.get("more_body", False)
        return message
