"""The check for unknown query parameters, of ordinary routes and of those with direct dispatch."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute

from todo_api.http.query import decode_query
from todo_api.http.request import StrictRequest


class NoParameters(msgspec.Struct, frozen=True):
    pass


def check_direct_parameters(request: StrictRequest) -> None:
    """Refuses unknown query parameters of a `DirectDispatch` route: it names them as `opt={"query": Struct}` only."""
    if request.scope["query_string"]:
        decode_query(request.route_handler.opt.get("query", NoParameters), request.scope["query_string"])


async def refuse_unknown_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard of the app: a query parameter that the handler does not take is 400.

    A handler names its parameters as Litestar's own (its dependencies' included) or by `opt={"query": Struct}`. It
    takes any if it has `opt={"any_query": True}` or the argument `query`.

    Raises:
        InvalidInput: with every unknown parameter.
    """
    if (
        not connection.scope["query_string"]
        or not isinstance(handler, HTTPRouteHandler)
        or handler.opt.get("any_query")
    ):
        return
    if struct := handler.opt.get("query"):
        decode_query(struct, connection.scope["query_string"])
        return
    allowed = _parameter_names(connection)
    if allowed is not None and (unknown := connection.query_params.keys() - allowed):
        decode_query(NoParameters, urlencode(dict.fromkeys(sorted(unknown), "")).encode())


def _parameter_names(connection: ASGIConnection[Any, Any, Any, Any]) -> set[str] | None:
    """The query parameters that Litestar passes to the handler of this request; None if it passes all of them."""
    method: Any = connection.scope.get("method")
    for route in connection.app.routes:
        if isinstance(route, HTTPRoute) and route.path_format == connection.scope["path_template"]:
            _, kwargs = route.route_handler_map[method]
            if "query" in kwargs.expected_reserved_kwargs:
                return None
            return {parameter.field_alias for parameter in kwargs.expected_query_params}
    return set()
