"""An ordinary Litestar route behaves as Litestar's documentation says, with our error bodies.

Each test registers a route with the app that `create_app` returns, and requests it with a valid token.
"""

from collections.abc import AsyncIterator
from typing import Any

import litestar.exceptions as litestar_errors
import pytest
from litestar import Request, Response, get
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.params import FromQuery
from litestar.types import ASGIApp, Receive, Scope, Send

from tests.support.client import errors_of
from tests.support.routes import PATH, Note, assert_error, make_app, no_op_function, send
from todo_api.errors import TaskNotFound
from todo_api.http.response import JsonResponse
from todo_api.unavailable import DatabaseUnavailable


class NoOpMiddleware(ASGIMiddleware):
    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        await next_app(scope, receive, send)


RAISED = [
    (TaskNotFound(), 404, "task_not_found"),
    (DatabaseUnavailable(), 503, "database_unavailable"),
    (litestar_errors.PermissionDeniedException(), 403, "forbidden"),
    (litestar_errors.NotAuthorizedException(), 401, "not_authenticated"),
    (litestar_errors.NotFoundException("There is no such note."), 404, "not_found"),
    (litestar_errors.MethodNotAllowedException(), 405, "method_not_allowed"),
    (litestar_errors.HTTPException("Too late.", status_code=409), 409, "conflict"),
    (litestar_errors.TooManyRequestsException(headers={"Retry-After": "7"}), 429, "too_many_requests"),
    (litestar_errors.ServiceUnavailableException(), 503, "service_unavailable"),
    (litestar_errors.InternalServerException("a secret"), 500, "internal_error"),
    (litestar_errors.ValidationException("The range is empty."), 400, "validation_error"),
    (RuntimeError("a secret"), 500, "internal_error"),
]


@pytest.mark.parametrize("middleware", [[], [no_op_function], [NoOpMiddleware()]], ids=["none", "function", "class"])
@pytest.mark.parametrize(("error", "status", "code"), RAISED, ids=lambda value: getattr(value, "code", None))
def test_errors_have_our_shape_and_status(middleware: list[Any], error: Exception, status: int, code: str) -> None:
    @get(PATH, middleware=middleware)
    async def part() -> None:
        raise error

    response = send(make_app(part))
    assert_error(response, status, code)
    assert "secret" not in response.text
    own = {"Retry-After": "2"} if isinstance(error, DatabaseUnavailable) else getattr(error, "headers", None) or {}
    assert {name.lower(): value for name, value in own.items()}.items() <= response.headers.items()
    assert ("www-authenticate" in response.headers) == (status == 401)


def test_a_layer_may_have_its_own_exception_handlers() -> None:
    def handle(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
        return Response({"handled": str(error)}, status_code=418)

    @get(PATH, exception_handlers={LookupError: handle})
    async def by_class() -> None:
        raise KeyError("a")

    @get(PATH + "/status", exception_handlers={409: handle})
    async def by_status() -> None:
        raise litestar_errors.HTTPException("b", status_code=409)

    app = make_app(by_class, by_status)
    assert (send(app).status_code, send(app).json()) == (418, {"handled": "'a'"})
    assert send(app, path=PATH + "/status").status_code == 418


def test_after_exception_hooks_run() -> None:
    seen: list[Exception] = []

    async def hook(error: Exception, _: Scope) -> None:
        seen.append(error)

    @get(PATH)
    async def part() -> None:
        raise TaskNotFound

    app = make_app(part)
    app.after_exception.append(hook)
    assert_error(send(app), 404, "task_not_found")
    assert [type(error) for error in seen] == [TaskNotFound]


def test_dependencies_are_resolved_and_their_errors_mapped() -> None:
    closed: list[str] = []

    async def note(stars: FromQuery[int]) -> AsyncIterator[Note]:
        if stars > 5:
            raise TaskNotFound
        yield Note("a", stars)
        closed.append("note")

    @get(PATH, dependencies={"note": note})
    async def part(note: NamedDependency[Note]) -> JsonResponse[Note]:
        return JsonResponse.of(note)

    app = make_app(part)
    assert send(app, params={"stars": 3}).json() == {"text": "a", "stars": 3}
    assert closed == ["note"]
    assert_error(send(app, params={"stars": 6}), 404, "task_not_found")
    assert errors_of(send(app, params={"stars": "many"})) == [("query.stars", "value_error")]
    assert errors_of(send(app)) == [("query.stars", "missing")]
    assert errors_of(send(app, params={"stars": 3, "x": 1})) == [("query.x", "extra_forbidden")]


def test_guards_run_before_the_handler_and_see_the_user() -> None:
    ran: list[str] = []

    def only_bob(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        ran.append(connection.user)
        if connection.user != "bob":
            raise litestar_errors.PermissionDeniedException("Only Bob may read this.")

    @get(PATH, guards=[only_bob])
    async def part() -> None:
        raise AssertionError

    response = send(make_app(part))
    assert_error(response, 403, "forbidden")
    assert response.json()["detail"] == "Only Bob may read this."
    assert ran == ["ann"]
