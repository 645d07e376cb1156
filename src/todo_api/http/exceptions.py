"""Exception handling: every exception of a route becomes one of our error responses.

The same mapping is used twice. `handle_exception` is the app's exception handler, which Litestar calls inside a route's
middleware. `ExceptionMiddleware` surrounds the router and handles the exceptions that Litestar's layers let through.
"""

import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import asyncpg
from advanced_alchemy.exceptions import NotFoundError
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send

from todo_api.error_bodies import FieldError
from todo_api.errors import (
    AccountErased,
    ApiError,
    BodyTooLarge,
    InternalError,
    InvalidInput,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    UriTooLong,
)
from todo_api.http.response import JsonResponse, encoded
from todo_api.observability.context import request_context
from todo_api.sqlstates import from_database
from todo_api.unavailable import NotMigrated, Unavailable

_Handler = Callable[[Request[Any, Any, Any], Any], Response[Any]]

_CODES: Final = {401: NotAuthenticated.code, 413: BodyTooLarge.code, 414: UriTooLong.code}
"""Our codes that are not the reason phrase of the status (RFC 9110 §15)."""
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_MISSING_PARAMETER: Final = re.compile(r"Missing required (\w+) parameter '(.*?)' for path ")
"""https://github.com/litestar-org/litestar/blob/v2.25.0/litestar/_kwargs/extractors.py"""
_LOG: Final = logging.getLogger(__name__)


def handle_exception(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The app's exception handler. A layer of a route may have its own, as Litestar's documentation says."""
    api_error, headers = _error_for(request.scope, error)
    headers = {name.lower(): value for name, value in (api_error.header_lines() | headers).items()}
    return JsonResponse(encoded(api_error.body()), headers, api_error.status)


class ExceptionMiddleware:
    """ASGI middleware around the router, in the place of Litestar's, which would wrap `send` once more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            context = request_context.get()
            if scope["type"] != ScopeType.HTTP or (context is not None and context.status):
                raise  # The response has started and cannot be replaced.
            # No reference to the error may stay: its frames hold the request's body, and as long as that is not
            # released the server does not close the connection.
            for hook in scope["litestar_app"].after_exception:
                await hook(error, scope)
            request = scope["litestar_app"].request_class(scope, receive, send)
            response = _handler_for(scope, error)(request, error)
            await response.to_asgi_response(app=None, request=request)(scope, receive, send)


def _handler_for(scope: Scope, error: Exception) -> _Handler:
    """The exception handler of the innermost layer: by status, then by class, as Litestar chooses.

    https://docs.litestar.dev/2/usage/exceptions.html#exception-handling-layers
    """
    owner = scope.get("route_handler")
    handlers: Any = owner.resolve_exception_handlers() if owner else scope["litestar_app"].exception_handlers
    by_status = handlers.get(error.status_code) if isinstance(error, HTTPException) else None
    by_class = next((handlers[class_] for class_ in type(error).__mro__ if class_ in handlers), handle_exception)
    chosen: _Handler = by_status or by_class
    return chosen


class _HttpError(ApiError):
    """Any HTTP status, for example of a guard that raises Litestar's `PermissionDeniedException`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.code = _CODES.get(status) or _PHRASES.get(status, "error").lower().replace(" ", "_").replace("-", "_")


def _error_for(scope: Scope, error: Exception) -> tuple[ApiError, dict[str, str]]:
    """Our error and further headers."""
    match error:
        case Unavailable() | asyncpg.PostgresError():
            return _database_error(scope, error), {}
        case ApiError():
            return error, {}
        case NotFoundError():
            return _HttpError(404, "The object was not found."), {}
        case HTTPException() if error.status_code != InternalError.status:
            return _http_error(scope, error)
        case _:
            _LOG.error("unhandled", exc_info=error, extra={"request_id": scope["state"]["request_id"]})
            return InternalError(), {}


def _http_error(scope: Scope, error: HTTPException) -> tuple[ApiError, dict[str, str]]:
    """Litestar's exceptions: the router's, those of parameters and bodies, and those that handlers and guards raise."""
    headers = dict(error.headers or {})
    routed = "route_handler" in scope
    match error.status_code:
        case 400:
            return InvalidInput(_field_errors(scope, error)), headers
        case 401:
            return _HttpError(401, error.detail), {"WWW-Authenticate": 'Bearer realm="todo-api"'} | headers  # RFC 9110
        case 404 if not routed:
            return NotFound(), {}
        case 405 if not routed:
            allowed = {method.strip() for method in headers["allow"].split(",")}
            head = {"HEAD"} if "GET" in allowed else set()
            return MethodNotAllowed(), {"Allow": ", ".join(sorted(allowed | head))}
        case 413 if routed:
            route_handler: Any = scope["route_handler"]
            limit = route_handler.resolve_request_max_body_size()
            return BodyTooLarge(limit) if limit is not None else _HttpError(413, error.detail), headers
        case _:
            return _HttpError(error.status_code, error.detail), headers


def _field_errors(scope: Scope, error: HTTPException) -> list[FieldError]:
    """The field errors of a 400. Litestar names the fields in `extra`, or only in a sentence."""
    if isinstance(error.extra, list) and error.extra:
        return [_field_error(scope, message) for message in error.extra if not _is_unread(scope, message)]
    if match := _MISSING_PARAMETER.match(error.detail):
        return [FieldError([_place(match[1]), match[2]], "This parameter is required", "missing")]
    return [FieldError([_default_place(scope)], error.detail, "value_error")]


def _is_unread(scope: Scope, message: Any) -> bool:
    """Whether it is about a parameter of the path that the handler does not take.

    When Litestar makes the OpenAPI document, it adds such parameters to those of the handler, and finds no value then.
    """
    return isinstance(message, dict) and any(message.get("message") == f"'{name}'" for name in scope["path_params"])


def _field_error(scope: Scope, message: Any) -> FieldError:
    if not isinstance(message, dict):
        return FieldError([_default_place(scope)], str(message), "value_error")
    text = str(message.get("message", ""))
    if text == "'data'":  # A KeyError: Litestar passes no argument `data` if the body is empty.
        return FieldError(["body"], "A JSON object is needed", "missing")
    path = [part for part in str(message.get("key", "")).split(".") if part not in ("", "data")]
    source: Any = message.get("source")
    place = _place(getattr(source, "value", source)) if source else _default_place(scope)
    return FieldError([place, *path], text, "value_error")


def _place(source: str) -> str:
    """The first word of `loc` for a source of Litestar's."""
    return "header" if source == "cookie" else source


def _default_place(scope: Scope) -> str:
    """Where the error is if Litestar does not say it: in the body if the handler takes one."""
    if "route_handler" not in scope:
        return "header"  # The router refuses nothing but a bad Host.
    return "query" if getattr(scope["route_handler"], "parsed_data_field", None) is None else "body"


def _database_error(scope: Scope, error: Exception) -> ApiError:
    api_error = from_database(error)
    unexpected = isinstance(error, asyncpg.PostgresError) and isinstance(api_error, InternalError | NotMigrated)
    # An old token of an erased account is the client's business, not the operator's.
    usual = logging.INFO if isinstance(api_error, AccountErased) else logging.WARNING
    _LOG.log(
        logging.ERROR if unexpected else usual,
        "database: %s: %s",
        api_error.code,
        type(error.__cause__ or error).__name__,
        exc_info=error if unexpected else None,
        extra={"request_id": scope["state"]["request_id"]},
    )
    return api_error
