"""Handlers that are called straight from the router use nothing of what is left out on the way."""

import inspect
from pathlib import Path

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tests.support.service import environment
from todo_api.app import create_app
from todo_api.config.settings import load_settings
from todo_api.http.dispatch import DirectDispatch
from todo_api.http.response import JsonResponse


def _handlers() -> list[HTTPRouteHandler]:
    app = create_app(load_settings(environment(), Path("/nowhere")))
    handlers = {
        handler.operation_id: handler
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/")
        for handler in route.route_handlers
        if handler.operation_id
    }
    return list(handlers.values())


def test_all_of_a_users_operations_go_straight_and_take_what_is_given() -> None:
    handlers = _handlers()
    assert len(handlers) == 8
    for handler in handlers:
        assert [*handler.resolve_middleware()] == [DirectDispatch]
        assert set(inspect.signature(handler.fn).parameters) <= {"request", "task_id", "data"}
        given = handler.parsed_return_field.annotation
        assert given is type(None) or issubclass(handler.parsed_return_field.origin or given, JsonResponse)


def test_nothing_is_asked_of_the_framework_that_would_not_be_done() -> None:
    for handler in _handlers():
        assert not handler.resolve_guards()
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
