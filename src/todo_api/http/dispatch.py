"""Direct dispatch from Litestar's router to a handler, for the measured hot routes.

Between the two Litestar resolves dependencies, parameters, hooks and the response in each request. That took 9 of the
26 µs of a get in our own code (docs/decisions/0080-cpu-time-per-request.md). Litestar still routes these requests, and
the OpenAPI document still describes what the handlers take and return. A new route does not need this.
"""

from collections.abc import Awaitable
from types import MethodType
from typing import Any

from litestar.exceptions import ImproperlyConfiguredException
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput
from todo_api.http.parameters import check_direct_parameters
from todo_api.http.request import StrictRequest
from todo_api.http.response import NO_CONTENT, JsonResponse


class DirectDispatch:
    """Middleware of a controller. It calls the handler in the place of `HTTPRoute.handle`.

    Handlers take `request` and, if they name them, `task_id` and `data`. They return a `JsonResponse` or None. Skipped
    are guards, dependencies, other parameters, hooks, DTOs, response headers, caching and background tasks;
    tests/architecture/test_dispatch.py refuses them on these routes. Middleware and `compression_config` work.
    """

    def __init__(self, app: ASGIApp) -> None:
        """`app` ends in `HTTPRoute.handle`, inside Litestar's exception handler and any other middleware.

        Raises:
            ImproperlyConfiguredException: some middleware hides where it calls the route.
        """
        layers: list[Any] = [app]
        while not isinstance(layers[-1], MethodType) and hasattr(layers[-1], "app"):
            layers.append(layers[-1].app)
        if not isinstance(layers[-1], MethodType) or not isinstance(layers[-1].__self__, HTTPRoute):
            name = getattr(layers[-1], "__name__", type(layers[-1]).__name__)
            raise ImproperlyConfiguredException(
                f"DirectDispatch cannot replace the route inside the middleware {name}, which has no attribute `app`. "
                f"Put DirectDispatch last in `middleware`, or remove it."
            )
        *middleware, exception_handler, _ = layers
        exception_handler.app = _dispatch
        # Without middleware, errors go straight to ExceptionMiddleware, which handles them in the same way.
        self.app: ASGIApp = app if middleware else _dispatch

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self.app(scope, receive, send)


async def _dispatch(scope: Scope, receive: Receive, send: Send) -> None:
    handler: Any = scope["route_handler"]
    request = StrictRequest(scope, receive, send)
    check_direct_parameters(request)
    kwargs: dict[str, Any] = {"request": request}
    if "task_id" in scope["path_params"]:
        kwargs["task_id"] = scope["path_params"]["task_id"]
    body = handler.parsed_data_field
    if body is not None:
        if await request.body():
            kwargs["data"] = await request.json()
        elif not body.is_optional:
            raise InvalidInput([FieldError(["body"], "A JSON object is needed", "missing")])
    response: JsonResponse[Any] | None = await handler.fn(**kwargs)
    await (response or NO_CONTENT).send(send, handler.status_code)
