"""The request class. It decodes bodies and query parameters strictly, when a handler takes them."""

import re
from functools import cache
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin
from urllib.parse import urlencode

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import Empty, HTTPScope, Receive

from todo_api.errors import BodyTooLarge, NotJson
from todo_api.http.decoding import decode_body, decode_query

_JSON: Final = re.compile(rb'application/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)


class StrictRequest(Request[str, Any, Any]):
    """A request whose JSON body is decoded in one pass, strictly, if the handler takes a Struct as `data`.

    Litestar decodes into a dict and converts that: "3" would be accepted as 3, and 1 as true.
    """

    async def body(self) -> bytes:
        """Reads the body, up to the route's `request_max_body_size`.

        Litestar's own reader, a generator with parsed copies of the headers, takes 10 µs of a request.

        Raises:
            BodyTooLarge: the body, or its Content-Length, exceeds the limit.
        """
        if self._body is Empty:
            if not self.is_connected:
                return await super().body()  # raises: the stream was consumed
            # Other Request objects of this request find it there, as Litestar's own do.
            state = self._connection_state
            if state.body is Empty:
                limit = self.route_handler.resolve_request_max_body_size()
                state.body = await _whole_body(self.scope, self.receive, limit)
            self._body = state.body
        return self._body

    async def json(self) -> Any:
        """Returns `data` as its Struct. Any other annotation gets plain JSON values, which Litestar converts.

        Raises:
            NotJson: the Content-Type is not JSON in UTF-8.
            InvalidInput: with every bad field.
        """
        if self._json is Empty:
            types = [value for name, value in self.scope["headers"] if name == b"content-type"]
            if len(types) != 1 or not _JSON.fullmatch(types[0].strip()):
                raise NotJson
            struct = _struct(field.annotation) if (field := self.route_handler.parsed_data_field) else None
            self._json = await super().json() if struct is None else decode_body(struct, await self.body())
        return self._json

    def parameters[T: msgspec.Struct](self, type_: type[T]) -> T:
        """Decodes the query parameters.

        Raises:
            InvalidInput: with every bad, unknown or wrongly repeated parameter.
        """
        parameters: T = decode_query(type_, self.scope["query_string"])
        return parameters


async def _whole_body(scope: HTTPScope, receive: Receive, limit: int | None) -> bytes:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    if not lengths and all(name != b"transfer-encoding" for name, _ in scope["headers"]):
        return b""  # RFC 9112 §6.3
    # The server accepts any number of leading zeros.
    if limit is not None and lengths and int(lengths[0].lstrip(b"0") or b"0") > limit:
        raise BodyTooLarge(limit)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message: Any = await receive()
        parts.append(message["body"])
        size += len(message["body"])
        more = message.get("more_body", False)
        if limit is not None and size > limit:
            raise BodyTooLarge(limit)
    return b"".join(parts)


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


@cache
def _struct(annotation: Any) -> type[msgspec.Struct] | None:
    """The Struct in `annotation`, which is the Struct or a union of it and None."""
    if get_origin(annotation) in (Union, UnionType):
        types = [part for part in get_args(annotation) if part is not type(None)]
        annotation = types[0] if len(types) == 1 else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct) else None
