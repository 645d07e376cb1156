"""The response of an error that ASGI middleware sends. Routes raise the error."""

import msgspec
from litestar.types import Send

from todo_api.errors import ApiError


async def send_error(send: Send, error: ApiError, headers: dict[str, str] | None = None) -> None:
    """`headers` replace those of the error."""
    body = msgspec.json.encode(error.body())
    lines = {
        **error.header_lines(),
        **(headers or {}),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    encoded = [(name.lower().encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})
