"""The page of metrics for Prometheus, behind a token of its own."""

import secrets
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from todo_api.error_response import send_error
from todo_api.errors import MethodNotAllowed, MetricsTokenNeeded
from todo_api.observability.metrics import Metrics

PATH: Final = "/metrics"
_CONTENT_TYPE: Final = b"text/plain; version=1.0.0; charset=utf-8"


class MetricsMiddleware:
    """ASGI middleware: answers `GET /metrics` if the request has the token."""

    def __init__(self, app: ASGIApp, metrics: Metrics, token: str) -> None:
        self.app = app
        self.metrics = metrics
        self.expected = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"] != PATH:
            await self.app(scope, receive, send)
            return
        scope["path_template"] = PATH
        headers = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, token = headers[0].partition(b" ") if len(headers) == 1 else (b"", b"", b"")
        if scheme.lower() != b"bearer" or not secrets.compare_digest(token, self.expected):
            await send_error(send, MetricsTokenNeeded(), {"WWW-Authenticate": 'Bearer realm="metrics"'})
        elif scope["method"] != "GET":
            await send_error(send, MethodNotAllowed(), {"Allow": "GET, HEAD"})
        else:
            body = self.metrics.text()
            lines = [(b"content-type", _CONTENT_TYPE), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": lines})
            await send({"type": "http.response.body", "body": body, "more_body": False})
