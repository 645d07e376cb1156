"""Bodies, query parameters and limits of an ordinary Litestar route are as strict as those of the hot routes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest
from litestar import Request, get, post
from litestar.params import FromQuery, JSONBody, QueryParameter, QueryParams, RawBody, URLEncodedBody
from litestar.types import ASGIApp, Receive, Scope, Send

from tests.support.client import errors_of
from tests.support.routes import PATH, Note, assert_error, make_app, no_op_function, send
from todo_api.errors import MAX_BODY_BYTES
from todo_api.http.request import StrictRequest

JSON = {"Content-Type": "application/json"}
UNKNOWN = [("query.x", "extra_forbidden")]


class NoteQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: int = 10


def test_unknown_query_parameters_are_400() -> None:
    @get(PATH)
    async def without() -> None: ...

    @get(PATH + "/limit")
    async def with_limit(limit: FromQuery[int]) -> int:
        return limit

    @get(PATH + "/query")
    async def with_all(query: QueryParams) -> list[str]:
        return sorted(query)

    app = make_app(without, with_limit, with_all)
    assert send(app).status_code == 200
    assert errors_of(send(app, params={"x": 1})) == UNKNOWN
    assert send(app, path=PATH + "/limit?limit=3").json() == 3
    assert errors_of(send(app, path=PATH + "/limit?limit=3&x=1")) == UNKNOWN
    assert send(app, path=PATH + "/query?limit=3&x=1").json() == ["limit", "x"]


def test_a_route_names_its_query_parameters_by_alias_or_by_struct_or_takes_any() -> None:
    @get(PATH)
    async def alias(size: Annotated[list[int], QueryParameter(name="page-size")]) -> list[int]:
        return size

    @get(PATH + "/struct", opt={"query": NoteQuery})
    async def struct(request: StrictRequest) -> int:
        return request.parameters(NoteQuery).limit

    @get(PATH + "/any", opt={"any_query": True})
    async def anything(request: StrictRequest) -> str:
        value: str = request.query_params["x"]
        return value

    app = make_app(alias, struct, anything)
    assert send(app, path=PATH + "?page-size=1&page-size=2").json() == [1, 2]
    assert errors_of(send(app, path=PATH + "?page-size=1&size=2")) == [("query.size", "extra_forbidden")]
    assert send(app, path=PATH + "/struct?limit=3").json() == 3
    assert errors_of(send(app, path=PATH + "/struct?x=3")) == UNKNOWN
    assert errors_of(send(app, path=PATH + "/struct?limit=a")) == [("query.limit", "int_type")]
    assert send(app, path=PATH + "/any?x=3").text == "3"


def test_health_and_documents_still_take_any_query_parameter() -> None:
    app = make_app()
    for path in ("/health", "/openapi.json", "/docs", "/docs/openapi.json"):
        assert send(app, path=path + "?x=1").status_code == 200


def test_struct_bodies_are_strict_and_others_are_as_litestar_reads_them() -> None:
    @post(PATH)
    async def struct(data: JSONBody[Note]) -> Note:
        return data

    @post(PATH + "/list")
    async def notes(data: JSONBody[list[Note]]) -> list[Note]:
        return data

    @post(PATH + "/plain")
    async def plain(request: StrictRequest) -> dict[str, Any]:
        value: dict[str, Any] = await request.json()
        return value

    @post(PATH + "/form")
    async def form(data: URLEncodedBody[dict[str, str]]) -> str:
        return data["a"]

    app = make_app(struct, notes, plain, form)
    assert send(app, "POST", json={"text": "a", "stars": 1}).json() == {"text": "a", "stars": 1}
    assert errors_of(send(app, "POST", json={"stars": "1"})) == [("body.stars", "int_type"), ("body.text", "missing")]
    assert errors_of(send(app, "POST")) == [("body", "missing")]
    assert send(app, "POST", path=PATH + "/list", json=[{"text": "a"}]).json() == [{"text": "a", "stars": 0}]
    assert send(app, "POST", path=PATH + "/list", json=[{"stars": 1}]).status_code == 400
    assert errors_of(send(app, "POST", path=PATH + "/list", content="{", headers=JSON)) == [("body", "value_error")]
    assert send(app, "POST", path=PATH + "/plain", json={"a": 1}).json() == {"a": 1}
    assert send(app, "POST", path=PATH + "/form", data={"a": "b"}).text == "b"
    assert_error(send(app, "POST", content="{}", headers={"Content-Type": "text/plain"}), 415, "not_json")


def test_a_middleware_that_reads_the_body_leaves_it_for_the_handler() -> None:
    read: list[bytes] = []

    def reader(app: ASGIApp) -> ASGIApp:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            read.append(await Request[Any, Any, Any](scope, receive).body())
            await app(scope, receive, send)

        return middleware

    @post(PATH, middleware=[reader])
    async def part(data: JSONBody[Note]) -> Note:
        return data

    assert send(make_app(part), "POST", json={"text": "a"}).status_code == 201
    assert read == [b'{"text":"a"}']


async def pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size):
        yield b"x"


@pytest.mark.parametrize("announced", [True, False], ids=["Content-Length", "chunked"])
@pytest.mark.parametrize(
    ("limit", "words"), [(None, "64 KiB"), (2048, "2 KiB"), (100, "100 bytes"), (MAX_BODY_BYTES + 1, "65537 bytes")]
)
def test_a_route_may_have_a_body_limit_of_its_own(limit: int | None, words: str, announced: bool) -> None:
    own: dict[str, Any] = {} if limit is None else {"request_max_body_size": limit}
    most = limit or MAX_BODY_BYTES

    @post(PATH, **own)
    async def whole(body: RawBody) -> int:
        return len(body)

    @post(PATH + "/stream", **own)
    async def stream(request: StrictRequest) -> int:
        return sum([len(part) async for part in request.stream()])

    app = make_app(whole, stream)
    for path in (PATH, PATH + "/stream"):
        for size in (most, most + 1):
            response = send(app, "POST", path=path, content=b"x" * size if announced else pieces(size))
            if size == most:
                assert (response.status_code, response.json()) == (201, size)
            else:
                assert_error(response, 413, "body_too_large")
                assert response.json()["detail"] == f"The body is larger than {words}."


def test_a_route_may_have_no_body_limit() -> None:
    @post(PATH, request_max_body_size=None)
    async def part(body: RawBody) -> int:
        return len(body)

    size = 20_000_000
    assert send(make_app(part), "POST", content=b"x" * size).json() == size


@pytest.mark.parametrize("middleware", [[], [no_op_function]], ids=["no middleware", "middleware"])
def test_a_route_may_have_a_body_time_of_its_own(middleware: list[Any]) -> None:
    @post(PATH, opt={"body_seconds": 0.2}, middleware=middleware)
    async def part(body: RawBody) -> int:
        return len(body)

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)

    response = send(make_app(part), "POST", content=slow())
    assert_error(response, 408, "slow_body")
    assert response.json()["detail"] == "The body did not arrive within 0.2 seconds."
    assert response.headers["connection"] == "close"
