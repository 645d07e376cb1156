"""What handlers answer with."""

from typing import Any, Final, Self

import msgspec
from litestar import Response
from litestar.types import Send

encoded: Final = msgspec.json.Encoder().encode


class JsonResponse[T](Response[T]):
    """JSON, sent as it is by `DirectDispatch`. The OpenAPI document reads `T` from it.

    Header names are lower case.
    """

    __slots__ = ("body", "lines", "status")

    def __init__(self, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.status: int | None = None
        self.body = body
        self.lines = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.lines += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    @classmethod
    def of(cls, content: T, headers: dict[str, str] | None = None) -> Self:
        return cls(encoded(content), headers)

    async def send(self, send: Send, status: int) -> None:
        """`status`: of the operation, where the answer has none of its own."""
        await send({"type": "http.response.start", "status": self.status or status, "headers": self.lines})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class _Bodiless(JsonResponse[Any]):
    __slots__ = ()

    def __init__(self, status: int, lines: list[tuple[bytes, bytes]]) -> None:
        self.status = status
        self.body = b""
        self.lines = lines


NO_CONTENT: Final = _Bodiless(204, [])


def not_modified(etag: str) -> JsonResponse[Any]:
    """RFC 9110 §15.4.5."""
    return _Bodiless(304, [(b"etag", etag.encode())])
