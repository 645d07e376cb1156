"""Requests to the app in this process: the whole service except its HTTP server."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from litestar import Litestar

Message = MutableMapping[str, Any]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def change_id(self) -> int | None:
        value = self.headers.get("change-id")
        return None if value is None else int(value)


async def request(app: Litestar, method: str, path: str, headers: dict[str, str], body: Any = None) -> Answer:
    """`path`: with its query. `body`: None sends none."""
    parts = urlsplit(path)
    content = b"" if body is None else msgspec.json.encode(body)
    sent = dict(headers)
    if body is not None:
        sent |= {"content-type": "application/json", "content-length": str(len(content))}
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [(b"host", b"localhost"), *((k.lower().encode(), v.encode()) for k, v in sent.items())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    chunks = iter([content])
    answered: list[Message] = []

    async def receive() -> Any:
        if (chunk := next(chunks, None)) is None:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": chunk, "more_body": False}

    async def send(message: Any) -> None:
        answered.append(message)

    await app(scope, receive, send)
    start, *rest = answered
    received = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], received, b"".join(part.get("body", b"") for part in rest))
