"""Whatever goes wrong behind the guard becomes an answer here."""

import logging
from typing import Final

import asyncpg
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send

from todo_api.errors import (
    ApiError,
    FieldError,
    InternalError,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    NotMigrated,
    Unavailable,
    from_database,
    send_error,
)
from todo_api.observability.context import request_context

_LOG: Final = logging.getLogger(__name__)


class ExceptionMiddleware:
    """ASGI middleware around the router, in the place of the framework's own, which answers in another shape."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            context = request_context.get()
            if scope["type"] != ScopeType.HTTP or (context is not None and context.status):
                raise  # an answer began, which cannot be taken back
            # Nothing keeps the error: its frames hold the request's body, without whose end the server closes nothing.
            await send_error(send, *_error_for(scope, error))


def _error_for(scope: Scope, error: Exception) -> tuple[ApiError, dict[str, str]]:
    match error:
        case Unavailable() | asyncpg.PostgresError():
            return _of_database(scope, error), {}
        case ApiError():
            return error, {}
        case HTTPException(status_code=404):
            return NotFound(), {}
        case HTTPException(status_code=405):
            allowed = {method.strip() for method in (error.headers or {})["allow"].split(",")}
            head = {"HEAD"} if "GET" in allowed else set()
            return MethodNotAllowed(), {"Allow": ", ".join(sorted(allowed | head))}
        case HTTPException(status_code=400):
            return InvalidInput([FieldError(["body"], "A JSON object is needed", "missing")]), {}
        case _:
            _LOG.error("unhandled", exc_info=error, extra={"request_id": scope["state"]["request_id"]})
            return InternalError(), {}


def _of_database(scope: Scope, error: Exception) -> ApiError:
    refusal = from_database(error)
    unexpected = isinstance(error, asyncpg.PostgresError) and isinstance(refusal, InternalError | NotMigrated)
    _LOG.log(
        logging.ERROR if unexpected else logging.WARNING,
        "database: %s: %s",
        refusal.code,
        type(error.__cause__ or error).__name__,
        exc_info=error if unexpected else None,
        extra={"request_id": scope["state"]["request_id"]},
    )
    return refusal
