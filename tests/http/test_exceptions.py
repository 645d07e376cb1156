"""An internal error has a complete response: all headers, counted by the rate limit, and nothing about its cause."""

from pathlib import Path

import anyio
import httpx
from advanced_alchemy.exceptions import NotFoundError
from litestar import get

from tests.support.client import token_for
from tests.support.routes import PATH, assert_error, make_app, send
from tests.support.service import environment
from todo_api.app import create_app
from todo_api.config.settings import load_settings


async def _answer_without_a_database() -> httpx.Response:
    """The app is not started, so it has no database. No code handles that."""
    app = create_app(load_settings(environment(RATE_LIMIT="50/100"), Path("/nowhere")))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # the two name ASGI's types differently
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get("/api/ann/tasks", headers={"Authorization": f"Bearer {token_for('ann')}"})


def test_an_unhandled_exception_is_500_with_all_headers() -> None:
    answer = anyio.run(_answer_without_a_database)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "database" not in answer.text
    assert {"x-request-id", "ratelimit-limit", "ratelimit-remaining", "x-content-type-options"} <= answer.headers.keys()


def test_a_row_that_a_repository_does_not_find_is_404() -> None:
    @get(PATH, sync_to_thread=False)
    def read() -> None:
        raise NotFoundError(detail="No row was found")

    response = send(make_app(read))
    assert_error(response, 404, "not_found")
    assert response.json()["detail"] == "The object was not found."
