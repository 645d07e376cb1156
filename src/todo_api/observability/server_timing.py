"""The Server-Timing header: it shows in a browser's developer tools where the time of a request went."""

from collections.abc import Awaitable
from time import perf_counter

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from todo_api.observability.context import RequestContext, request_context


class ServerTimingMiddleware:
    """ASGI middleware just inside authentication: adds `Server-Timing` (https://www.w3.org/TR/server-timing/)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = request_context.get()
        if context is None:
            await self.app(scope, receive, send)
            return
        admitted_at = perf_counter()

        def timed(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                line = _server_timing(context, admitted_at)
                message["headers"] = [*message["headers"], (b"server-timing", line)]
            return send(message)

        await self.app(scope, receive, timed)


def _server_timing(context: RequestContext, admitted_at: float) -> bytes:
    """The header's value, in milliseconds: until authentication was done, in the database, until the answer began."""
    auth = (admitted_at - context.began_at) * 1000
    total = (perf_counter() - context.began_at) * 1000
    return f"auth;dur={auth:.2f}, db;dur={context.database_seconds * 1000:.2f}, total;dur={total:.2f}".encode()
