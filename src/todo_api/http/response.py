"""The JSON response that handlers return."""

from typing import Any, Final, Self

import msgspec
from litestar import MediaType, Response
from litestar.types import HTTPScope, Send

from todo_api.http.conditional import content_tag, etag_matches, state_tag

encoded: Final = msgspec.json.Encoder().encode

_WITHOUT_CONTENT: Final = (204, 304)
_NO_ENCODERS: Final[dict[Any, Any]] = {}
"""Shared: Litestar only reads it."""


class JsonResponse[T](Response[T]):
    """A Litestar response whose content is encoded JSON. The OpenAPI document reads `T`.

    Header names are lower case. `send` is the short way of `DirectDispatch`. Everything else is Litestar's.
    """

    __slots__ = ()

    def __init__(self, body: bytes, headers: dict[str, str] | None = None, status: int | None = None) -> None:
        # Sets what Response.__init__ sets, which takes 2.4 µs longer (docs/decisions/0100-framework-parts.md).
        # tests/architecture/test_framework_parts.py compares the two.
        self.content: Any = body
        self.background = None
        self.cookies = []
        self.encoding = "utf-8"
        self.headers = {**headers} if headers else {}
        self.media_type = MediaType.JSON
        self.status_code = status
        self.response_type_encoders = _NO_ENCODERS

    @classmethod
    def of(cls, content: T, headers: dict[str, str] | None = None) -> Self:
        return cls(encoded(content), headers)

    async def send(self, send: Send, status: int) -> None:
        """Sends the response with `status` unless it has its own."""
        status = self.status_code or status
        lines = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        if self.cookies:
            lines += [cookie.to_encoded_header() for cookie in self.cookies]
        if status not in _WITHOUT_CONTENT:
            lines += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.content))]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": self.content, "more_body": False})


NO_CONTENT: Final = JsonResponse[Any](b"", status=204)


def list_or_304(scope: HTTPScope, content: Any, state: str | None) -> JsonResponse[Any]:
    """A list with its ETag, or 304 if the client has it. `content` is None if the client is known to have `state`."""
    if content is None and state is not None:
        return not_modified(state_tag(scope, state))
    body = encoded(content)
    # The state is not known in the first day of the user's head row (db/heads.py). Then the ETag is a hash, which costs
    # the whole read. This case can go when no replica of the first release can run any more.
    tag = content_tag(body) if state is None else state_tag(scope, state)
    return not_modified(tag) if etag_matches(scope, tag) else JsonResponse(body, {"etag": tag})


def not_modified(etag: str) -> JsonResponse[Any]:
    """RFC 9110 §15.4.5."""
    return JsonResponse(b"", {"etag": etag}, 304)
