"""The guard: before the body is read and before the database, each request has a user, and it is the path's."""

import logging
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from todo_api.auth.tokens import InvalidToken
from todo_api.auth.verifier import Verifier
from todo_api.errors import KeysUnavailable, NotAuthenticated, NotYourPath, send_error

PUBLIC: Final = frozenset(
    {"/health", "/health/ready", "/docs", "/docs/scalar.js", "/docs/openapi.json", "/openapi.json"}
)
"""Every path that needs no token. All others do, also those that do not exist."""

_LOG: Final = logging.getLogger(__name__)


class AuthenticationMiddleware:
    """ASGI middleware in front of the router, so that unknown paths and methods are guarded too."""

    def __init__(self, app: ASGIApp, verifier: Verifier) -> None:
        self.app = app
        self.verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            parts = [part for part in scope["path"].split("/") if part]
            of_a_user = parts[:1] == ["api"]
            if of_a_user or "/" + "/".join(parts) not in PUBLIC:
                try:
                    token = _token(scope)
                    user = self.verifier.cached(token) or await self.verifier.verify(token)
                except InvalidToken as reason:
                    _LOG.info("token refused: %s", reason, extra={"request_id": scope["state"].get("request_id")})
                    await send_error(send, NotAuthenticated(), {"WWW-Authenticate": _challenge(scope)})
                    return
                except KeysUnavailable as away:
                    await send_error(send, away)
                    return
                scope["user"] = user
                if of_a_user and parts[1:2] not in ([], [user]):
                    await send_error(send, NotYourPath())
                    return
        await self.app(scope, receive, send)


def _token(scope: HTTPScope) -> str:
    given = _authorization(scope)
    if len(given) != 1:
        raise InvalidToken("no Authorization header" if not given else "several Authorization headers")
    scheme, _, token = given[0].decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidToken("Authorization is not of the Bearer scheme")
    return token.strip(" ")


def _authorization(scope: HTTPScope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"authorization"]


def _challenge(scope: HTTPScope) -> str:
    """RFC 6750 §3: no error code where no token came."""
    return 'Bearer realm="todo-api"' + (', error="invalid_token"' if _authorization(scope) else "")
