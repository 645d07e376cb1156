"""Reading a request's body, up to a limit."""

from typing import Any

from litestar.types import HTTPScope, Receive

from todo_api.errors import BodyTooLarge


async def whole_body(scope: HTTPScope, receive: Receive, limit: int | None) -> bytes:
    """Returns the body. None: there is no limit.

    Raises:
        BodyTooLarge: the body, or its Content-Length, exceeds the limit.
    """
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
