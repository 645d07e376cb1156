"""The request class. It decodes bodies and query parameters strictly, when a handler takes them."""

import re
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from litestar import Request
from litestar.types import Empty

from todo_api.errors import MAX_BODY_BYTES, InvalidInput, NotJson
from todo_api.http.body import whole_body
from todo_api.http.decoding import decode_body
from todo_api.http.query import decode_query
from todo_api.http.rate_limit import charge

_JSON: Final = re.compile(rb'application/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)


class StrictRequest(Request[str, datetime, Any]):
    """A request whose JSON body is decoded in one pass, strictly, if the handler takes a Struct as `data`.

    `user` is the `sub` of the token, `auth` the instant when the token was issued.

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
                state.body = await whole_body(self.scope, self.receive, limit)
            self._body = state.body
        return self._body

    async def json(self) -> Any:
        """Returns `data` as its Struct. Any other annotation gets plain JSON values, which Litestar converts.

        Raises:
            NotJson: the Content-Type is not JSON in UTF-8.
            InvalidInput: with every bad field. In the rate limit such a body counts as one request for each 64 KiB.
        """
        if self._json is Empty:
            types = [value for name, value in self.scope["headers"] if name == b"content-type"]
            if len(types) != 1 or not _JSON.fullmatch(types[0].strip()):
                raise NotJson
            struct = _struct(field.annotation) if (field := self.route_handler.parsed_data_field) else None
            self._json = await super().json() if struct is None else self._decoded(struct, await self.body())
        return self._json

    def _decoded(self, struct: type[msgspec.Struct], body: bytes) -> msgspec.Struct:
        try:
            return decode_body(struct, body)
        except InvalidInput:
            # To find every bad field in 1 MiB takes the time of many requests, while no other request is served.
            if more := (len(body) - 1) // MAX_BODY_BYTES:
                charge(self.scope, more)
            raise

    def parameters[T: msgspec.Struct](self, type_: type[T]) -> T:
        """Decodes the query parameters.

        Raises:
            InvalidInput: with every bad, unknown or wrongly repeated parameter.
        """
        parameters: T = decode_query(type_, self.scope["query_string"])
        return parameters


@cache
def _struct(annotation: Any) -> type[msgspec.Struct] | None:
    """The Struct in `annotation`, which is the Struct or a union of it and None."""
    if get_origin(annotation) in (Union, UnionType):
        types = [part for part in get_args(annotation) if part is not type(None)]
        annotation = types[0] if len(types) == 1 else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct) else None
