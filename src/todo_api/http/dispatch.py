"""From the router straight to the handler.

Between the two the framework resolves dependencies, parameters, hooks and the response anew in each request: a fifth of
the CPU time of a get (docs/decisions/0080-cpu-time-per-request.md). It still routes, and its document says what the
handlers take and give.
"""

from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

from todo_api.errors import FieldError, InvalidInput
from todo_api.http.request import StrictRequest, refuse_unknown_parameters
from todo_api.http.response import NO_CONTENT, JsonResponse


class DirectDispatch:
    """Middleware for controllers whose handlers take `request`, and where they name them `task_id` and `data`, and give
    a `JsonResponse` or nothing. Guards, dependencies, hooks and DTOs of the framework have no effect on them, and a
    test (tests/architecture/test_dispatch.py) refuses them.
    """

    def __init__(self, app: ASGIApp) -> None:
        """`app`, the framework's way to the handler, is not taken."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler: Any = scope["route_handler"]
        request = StrictRequest(scope, receive, send)
        refuse_unknown_parameters(request)
        given: dict[str, Any] = {"request": request}
        if "task_id" in scope["path_params"]:
            given["task_id"] = scope["path_params"]["task_id"]
        body = handler.parsed_data_field
        if body is not None:
            if await request.body():
                given["data"] = await request.json()
            elif not body.is_optional:
                raise InvalidInput([FieldError(["body"], "A JSON object is needed", "missing")])
        answer: JsonResponse[Any] | None = await handler.fn(**given)
        await (answer or NO_CONTENT).send(send, handler.status_code)
