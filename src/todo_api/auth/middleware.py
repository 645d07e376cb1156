"""Authentication, before the body is read and before any database access. The user must be the one in the path."""

import logging
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from todo_api.auth.tokens import ExpiredToken, InvalidToken
from todo_api.auth.verifier import Verifier
from todo_api.error_response import send_error
from todo_api.errors import NotAuthenticated, NotYourPath
from todo_api.unavailable import KeysUnavailable

PUBLIC: Final = frozenset(
    {"/health", "/health/ready", "/docs", "/docs/scalar.js", "/docs/openapi.json", "/openapi.json"}
)
"""The paths that need no token. All others need one, including paths that do not exist."""
PUBLIC_IN_DEVELOPMENT: Final = PUBLIC | {"/"}

_LOG: Final = logging.getLogger(__name__)


class AuthenticationMiddleware:
    """ASGI middleware in front of the router, so that unknown paths and methods need a token too."""

    def __init__(self, app: ASGIApp, verifier: Verifier, public: frozenset[str] = PUBLIC) -> None:
        self.app = app
        self.verifier = verifier
        self.public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            parts = [part for part in scope["path"].split("/") if part]
            has_user_path = bool(parts) and parts[0] == "api"
            if has_user_path or "/" + "/".join(parts) not in self.public:
                try:
                    token = _token(scope)
                    verified = self.verifier.cached(token) or await self.verifier.verify(token)
                except InvalidToken as reason:
                    if isinstance(reason, ExpiredToken):
                        scope["state"]["expired_user"] = reason.user  # The rate limit counts the 401 for this user.
                    _LOG.info("token refused: %s", reason, extra={"request_id": scope["state"].get("request_id")})
                    await send_error(send, NotAuthenticated(), {"WWW-Authenticate": _challenge(scope)})
                    return
                except KeysUnavailable as error:
                    await send_error(send, error)
                    return
                scope["user"] = verified.user
                scope["auth"] = verified.issued
                scope["state"]["token_expires"] = verified.expires
                if has_user_path and len(parts) > 1 and parts[1] != verified.user:
                    await send_error(send, NotYourPath())
                    return
        await self.app(scope, receive, send)


def _token(scope: HTTPScope) -> str:
    values = _authorization(scope)
    if len(values) != 1:
        raise InvalidToken("no Authorization header" if not values else "several Authorization headers")
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidToken("Authorization is not of the Bearer scheme")
    return token.strip(" ")


def _authorization(scope: HTTPScope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"authorization"]


def _challenge(scope: HTTPScope) -> str:
    """RFC 6750 §3: without a token, no error code."""
    return 'Bearer realm="todo-api"' + (', error="invalid_token"' if _authorization(scope) else "")
