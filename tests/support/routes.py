"""Apps with ordinary Litestar routes of a test's own, and requests to them in this process."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

from tests.support.client import token_for
from tests.support.service import environment
from todo_api.app import create_app
from todo_api.config.settings import load_settings

PATH = "/api/ann/part"


class Note(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    stars: int = 0


def no_op_function(app: ASGIApp) -> ASGIApp:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return middleware


def make_app(*handlers: Any, **settings: str) -> Litestar:
    app = create_app(load_settings(environment(**settings), Path("/nowhere")))
    for handler in handlers:
        app.register(handler)
    return app


def send(app: Litestar, method: str = "GET", path: str = PATH, **options: Any) -> httpx.Response:
    """One request of ann's, in this process; the app's lifespan is not started, so there is no database."""

    async def exchange() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # the two name ASGI's types differently
        headers = {"Authorization": f"Bearer {token_for('ann')}"} | options.pop("headers", {})
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers, **options)

    return asyncio.run(exchange())


def assert_error(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    assert response.json().keys() == {"detail", "code"} | ({"message"} if code == "validation_error" else set())
    assert response.headers["content-type"] == "application/json"
    assert {"x-request-id", "x-content-type-options"} <= response.headers.keys()
