"""DirectDispatch is for the measured hot routes. It skips Litestar's own path to the handler.

Skipped are guards, dependencies, parameters other than `request`, `task_id` and `data`, hooks (before_request,
after_request, after_response), DTOs, response headers and cookies of a layer, caching, background tasks and exception
handlers inside the route's middleware. The guard of the app, which refuses unknown query parameters, is replaced by the
same check. A route outside this list may use all of these and does not need DirectDispatch.
"""

import inspect

import pytest
from litestar import get
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tests.support.routes import PATH, make_app, no_op_function
from todo_api.http.dispatch import DirectDispatch
from todo_api.http.parameters import refuse_unknown_parameters
from todo_api.http.response import JsonResponse

HOT = {
    "createTask",
    "listTasks",
    "getTask",
    "updateTask",
    "putTask",
    "deleteTask",
    "toggleTaskCompletion",
    "listTags",
    "listChanges",
}
"""Operation ids. Another route is added here only with a measurement in docs/decisions."""


def _direct_handlers() -> dict[str, HTTPRouteHandler]:
    return {
        str(handler.operation_id): handler
        for route in make_app().routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.operation_id and DirectDispatch in handler.resolve_middleware()
    }


def test_only_the_hot_routes_are_dispatched_directly_and_they_take_what_is_passed() -> None:
    handlers = _direct_handlers()
    assert handlers.keys() == HOT
    for handler in handlers.values():
        assert [*handler.resolve_middleware()] == [DirectDispatch]
        assert set(inspect.signature(handler.fn).parameters) <= {"request", "task_id", "data"}
        returned = handler.parsed_return_field.annotation
        assert returned is type(None) or issubclass(handler.parsed_return_field.origin or returned, JsonResponse)


def test_the_hot_routes_use_nothing_that_is_skipped() -> None:
    for handler in _direct_handlers().values():
        assert handler.resolve_guards() == [refuse_unknown_parameters]
        assert not handler.opt.get("any_query")
        assert not handler.resolve_dependencies()
        assert handler.resolve_before_request() is None
        assert handler.resolve_after_response() is None
        assert handler.after_request is None
        assert handler.resolve_data_dto() is None
        assert handler.resolve_return_dto() is None
        assert not handler.resolve_response_headers()
        assert not handler.resolve_response_cookies()
        assert handler.background is None
        assert not handler.cache
        assert not handler.has_sync_callable
        assert not handler.exception_handlers


def test_a_middleware_that_hides_the_route_is_refused_at_the_start() -> None:
    @get(PATH, middleware=[DirectDispatch, no_op_function])
    async def part() -> None: ...

    with pytest.raises(ImproperlyConfiguredException, match="DirectDispatch cannot replace the route inside"):
        make_app(part)


def test_a_middleware_outside_of_direct_dispatch_runs() -> None:
    @get(PATH, middleware=[no_op_function, DirectDispatch])
    async def part() -> None: ...

    assert make_app(part)
