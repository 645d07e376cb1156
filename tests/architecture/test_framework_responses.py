"""Our response class, compression and streams work on ordinary Litestar routes."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from litestar import Litestar, Response, get
from litestar.config.compression import CompressionConfig
from litestar.datastructures import Cookie
from litestar.response import ServerSentEvent, Stream

from tests.support.client import token_for
from tests.support.routes import PATH, Note, assert_error, make_app, send
from todo_api import app as module
from todo_api.errors import TaskNotFound
from todo_api.http.response import JsonResponse, not_modified


def test_hooks_and_response_headers_and_cookies_work_with_our_response_class() -> None:
    async def after(response: Response[Any]) -> Response[Any]:
        response.set_header("x-after", "yes")
        response.set_cookie("a", "b")
        return response

    @get(PATH, after_request=after, response_headers={"x-layer": "yes"}, status_code=203)
    async def part() -> JsonResponse[Note]:
        return JsonResponse.of(Note("a"), {"etag": '"1"'})

    response = send(make_app(part))
    assert (response.status_code, response.json()) == (203, {"text": "a", "stars": 0})
    assert {"x-after": "yes", "x-layer": "yes", "etag": '"1"', "set-cookie": "a=b; Path=/; SameSite=lax"}.items() <= (
        response.headers.items()
    )
    assert response.headers["cache-control"] == "private, no-cache"


def test_not_modified_works_on_an_ordinary_route() -> None:
    @get(PATH)
    async def part() -> JsonResponse[Note]:
        return not_modified('"1"')

    response = send(make_app(part))
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", '"1"')
    assert "content-type" not in response.headers


def test_our_response_has_each_attribute_of_litestars() -> None:
    headers = {"etag": '"1"'}
    ours = JsonResponse[Any](b"{}", headers, 201)
    theirs = Response(b"{}", headers=headers, status_code=201, media_type="application/json")
    for name in Response.__slots__:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.headers is not headers


def test_direct_dispatch_sends_cookies_too() -> None:
    sent: list[Any] = []

    async def collect(message: Any) -> None:
        sent.append(message)

    response = JsonResponse[Any](b"{}")
    response.set_cookie(Cookie("a", value="b"))
    asyncio.run(response.send(collect, 200))
    assert (b"set-cookie", b"a=b; Path=/; SameSite=lax") in sent[0]["headers"]


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    config = CompressionConfig(backend="gzip", minimum_size=1)
    monkeypatch.setattr(module, "Litestar", partial(Litestar, compression_config=config))


@pytest.mark.usefixtures("compressed")
def test_compression_works_on_ordinary_and_on_direct_routes() -> None:
    @get(PATH)
    async def part() -> JsonResponse[Note]:
        return JsonResponse.of(Note("a" * 1000))

    @get(PATH + "/error")
    async def error() -> None:
        raise TaskNotFound

    app = make_app(part, error)
    response = send(app)
    assert (response.headers["content-encoding"], response.json()["text"]) == ("gzip", "a" * 1000)
    assert response.headers.get_list("vary") == ["Accept-Encoding", "Origin"]
    for path, status, code in (
        (PATH + "/error", 404, "task_not_found"),
        ("/api/ann/tasks", 500, "internal_error"),
        ("/api/ann/tasks?x=1", 400, "validation_error"),
    ):
        response = send(app, path=path)
        assert_error(response, status, code)
        assert response.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in send(app, headers={"Accept-Encoding": "identity"}).headers


def test_streams_and_events_are_sent_piece_by_piece() -> None:
    async def ticks() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}"
            await asyncio.sleep(0)

    @get(PATH)
    async def stream() -> Stream:
        return Stream(ticks(), media_type="text/csv")

    @get(PATH + "/events")
    async def events() -> ServerSentEvent:
        return ServerSentEvent(ticks())

    @get(PATH + "/error")
    async def error() -> Stream:
        raise TaskNotFound

    app = make_app(stream, events, error, RATE_LIMIT="50/100", SERVER_TIMING="true")
    assert [part for part in bodies(app, PATH) if part] == [b"0", b"1", b"2"]
    response = send(app, path=PATH + "/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text == "data: 0\r\n\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n"
    assert {"x-request-id", "ratelimit-remaining", "server-timing"} <= response.headers.keys()
    assert_error(send(app, path=PATH + "/error"), 404, "task_not_found")


def bodies(app: Litestar, path: str) -> list[bytes]:
    """The body messages of one response, as ASGI sends them."""
    sent: list[Any] = []

    async def receive() -> Any:
        if not received.is_set():
            received.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def collect(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message["more_body"]:
            ended.set()

    received, ended = asyncio.Event(), asyncio.Event()
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token_for('ann')}".encode())]
    scope: Any = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "root_path": ""}
    asyncio.run(app(scope, receive, collect))
    return [message["body"] for message in sent if message["type"] == "http.response.body"]


def test_an_error_after_the_start_of_a_stream_is_not_sent_as_a_second_response() -> None:
    async def broken() -> AsyncIterator[str]:
        yield "0"
        raise TaskNotFound

    @get(PATH)
    async def part() -> Stream:
        return Stream(broken())

    with pytest.raises(Exception, match=r"TaskGroup|Task"):
        send(make_app(part))
