"""A request, as handlers get it: its body and its parameters are decoded when they are asked for."""

import re
from functools import cache
from typing import Any, Final, get_args

import msgspec
from litestar import Request
from litestar.types import Empty, HTTPScope, Receive

from todo_api.errors import BodyTooLarge, NotJson
from todo_api.http.decoding import decode_body, decode_query

MAX_BODY_BYTES: Final = 64 * 1024
_JSON: Final = re.compile(rb'application/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)


class StrictRequest(Request[str, Any, Any]):
    """A request whose body is decoded in one pass, strictly, into what its handler takes as `data`.

    The framework decodes into a dict and coerces from there: "3" would be 3 and 1 would be true.
    """

    async def body(self) -> bytes:
        """The framework's own way, through a generator and parsed copies of the headers, takes 10 µs of a request.

        Raises:
            BodyTooLarge: it is, or says that it is.
        """
        if self._body is Empty:
            self._body = await _whole_body(self.scope, self.receive)
        return self._body

    async def json(self) -> Any:
        if self._json is Empty:
            given = [value for name, value in self.scope["headers"] if name == b"content-type"]
            if len(given) != 1 or not _JSON.fullmatch(given[0].strip()):
                raise NotJson
            field = self.route_handler.parsed_data_field
            if field is None:
                raise TypeError(f"{self.route_handler} takes no body")
            self._json = decode_body(_not_none(field.annotation), await self.body())
        return self._json

    def parameters[T: msgspec.Struct](self, type_: type[T]) -> T:
        parameters: T = decode_query(type_, self.scope["query_string"])
        return parameters


async def _whole_body(scope: HTTPScope, receive: Receive) -> bytes:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    if not lengths and all(name != b"transfer-encoding" for name, _ in scope["headers"]):
        return b""  # RFC 9112 §6.3
    # The server lets leading zeros through, however many.
    if lengths and int(lengths[0].lstrip(b"0") or b"0") > MAX_BODY_BYTES:
        raise BodyTooLarge
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message: Any = await receive()
        parts.append(message["body"])
        size += len(message["body"])
        more = message.get("more_body", False)
        if size > MAX_BODY_BYTES:
            raise BodyTooLarge
    return b"".join(parts)


class NoParameters(msgspec.Struct, frozen=True):
    pass


def refuse_unknown_parameters(request: StrictRequest) -> None:
    """The handler names the parameters that it takes as `query=`."""
    if request.scope["query_string"]:
        decode_query(request.route_handler.opt.get("query", NoParameters), request.scope["query_string"])


@cache
def _not_none(annotation: Any) -> Any:
    return next((part for part in get_args(annotation) if part is not type(None)), annotation)
