"""The guard: before the body is read and before the database, each request has a user, and it is the path's."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

import jwt
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from todo_api.auth.tokens import Expected, TokenRefused, subject
from todo_api.errors import NotAuthenticated, NotYourPath, send_error

PUBLIC: Final = frozenset({"/health", "/health/ready", "/docs", "/docs/openapi.json", "/openapi.json"})
"""Every path that needs no token. All others do, also those that do not exist."""

_LOG: Final = logging.getLogger(__name__)


class Guard:
    """ASGI middleware in front of the router, so that unknown paths and methods are guarded too."""

    def __init__(
        self, app: ASGIApp, keys: Sequence[jwt.PyJWK], expected: Expected, clock: Callable[[], float] = time.time
    ) -> None:
        self.app = app
        self.keys = keys
        self.expected = expected
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            parts = [part for part in scope["path"].split("/") if part]
            if "/" + "/".join(parts) not in PUBLIC:
                try:
                    user = self._user(scope)
                except TokenRefused as reason:
                    _LOG.info("token refused: %s", reason, extra={"request_id": scope["state"].get("request_id")})
                    await send_error(send, NotAuthenticated(), {"WWW-Authenticate": _challenge(scope)})
                    return
                scope["user"] = user
                if parts[:1] == ["api"] and parts[1:2] not in ([], [user]):
                    await send_error(send, NotYourPath())
                    return
        await self.app(scope, receive, send)

    def _user(self, scope: HTTPScope) -> str:
        given = _authorization(scope)
        if len(given) != 1:
            raise TokenRefused("no Authorization header" if not given else "several Authorization headers")
        scheme, _, token = given[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise TokenRefused("Authorization is not of the Bearer scheme")
        return subject(token.strip(" "), self.keys, self.expected, self.clock())


def _authorization(scope: HTTPScope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"authorization"]


def _challenge(scope: HTTPScope) -> str:
    """RFC 6750 §3: no error code where no token came."""
    return 'Bearer realm="todo-api"' + (', error="invalid_token"' if _authorization(scope) else "")
