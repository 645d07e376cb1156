"""Measures the outermost middleware: `python -m benchmarks.micro.observability 2>/dev/null`.

The middleware with its log line, as in production, around an ASGI app that answers at once, minus that app alone.
"""

import asyncio
import os
import tempfile
from pathlib import Path
from time import process_time
from typing import Any, Final

from litestar.types import ASGIApp, Message

from todo_api.config.settings import load_settings
from todo_api.observability import logs
from todo_api.observability.metrics import DIRECTORY, Metrics
from todo_api.observability.middleware import ObservabilityMiddleware, Pseudonyms

REQUESTS: Final = 50_000
SETTINGS: Final = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql://localhost/x",
    "BETTER_AUTH_SECRET": "x" * 32,
    "JWT_ISSUER": "i",
    "JWT_AUDIENCE": "a",
}


async def answer(scope: Any, _: Any, send: Any) -> None:
    scope["path_template"] = "/api/{user_id}/tasks"
    scope["user"] = "ann"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * 300, "more_body": False})


async def forget(_: Message) -> None:
    """The client, which drops the answer."""


async def microseconds(app: ASGIApp) -> float:
    headers = [(b"host", b"a"), (b"authorization", b"x" * 300), (b"content-type", b"application/json")]
    began = process_time()
    for _ in range(REQUESTS):
        scope: Any = {"type": "http", "method": "GET", "headers": headers, "state": {"request_id": "0123456789abcdef"}}
        await app(scope, None, forget)  # type: ignore[arg-type] # the app never calls receive
    return (process_time() - began) / REQUESTS * 1e6


async def main() -> None:
    metrics = Metrics()
    metrics.open()
    pseudonyms = Pseudonyms(b"secret")
    bare = await microseconds(answer)
    logs.configure(load_settings(SETTINGS, Path()))
    for kept in (None, metrics):
        observed = await microseconds(ObservabilityMiddleware(answer, pseudonyms, kept))
        print(f"a line a request, metrics {'on ' if kept else 'off'}  {observed - bare:5.1f} µs")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.environ[DIRECTORY] = directory
        asyncio.run(main())
