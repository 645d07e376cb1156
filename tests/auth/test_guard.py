"""Every route needs a valid token, whose user must be the user in the path."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from litestar.routes import HTTPRoute

from tests.support.client import Person, token_for
from tests.support.service import OTHER_SECRET, SECRET, environment
from todo_api.app import create_app
from todo_api.auth.middleware import PUBLIC, PUBLIC_IN_DEVELOPMENT
from todo_api.config.settings import load_settings
from todo_api.openapi.scalar import SCRIPT

UNAUTHENTICATED = {
    "detail": "Send a valid, unexpired JWT from Better Auth (not its session token) as `Authorization: Bearer <JWT>`.",
    "code": "not_authenticated",
}


def routes() -> list[tuple[str, str]]:
    """Every method and path of the app, from its own routes."""
    app = create_app(load_settings(environment(), Path("/nowhere")))
    return sorted(
        (method, route.path_format.replace("{user_id}", "ann").replace("{task_id}", "x").replace("{name}", "t"))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in {*route.methods, "HEAD", "OPTIONS", "TRACE"}
    )


def test_the_app_has_routes() -> None:
    assert ("PUT", "/api/ann/tasks/x") in routes()
    assert len(routes()) > 30


@pytest.mark.parametrize(("method", "path"), [route for route in routes() if route[1] not in PUBLIC_IN_DEVELOPMENT])
def test_every_route_needs_a_token(anyone: httpx.Client, method: str, path: str) -> None:
    answer = anyone.request(method, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="todo-api"'
    assert method in ("HEAD", "OPTIONS") or answer.json() == UNAUTHENTICATED


@pytest.mark.parametrize("path", sorted(PUBLIC - ({"/docs/scalar.js"} if not SCRIPT.exists() else set())))
def test_public_paths_need_no_token(anyone: httpx.Client, path: str) -> None:
    assert anyone.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/api", "/nowhere", "/docs/nowhere", "/health/nowhere", "/favicon.ico"])
def test_unknown_paths_need_a_token_too(anyone: httpx.Client, ann: Person, path: str) -> None:
    assert anyone.get(path).status_code == 401
    assert ann.get(path).status_code == 404


@pytest.mark.parametrize(("method", "path"), [route for route in routes() if route[1].startswith("/api/")])
def test_another_users_path_is_403(ann: Person, method: str, path: str) -> None:
    answer = ann.request(method, path)
    assert answer.status_code == 403
    assert method in ("HEAD", "OPTIONS") or answer.json()["code"] == "not_your_path"


@pytest.mark.parametrize(
    "path",
    [
        "/api/{}x/tasks",
        "/api/{}%00/tasks",
        "/api/{}%20/tasks",
        "/api/ANN/tasks",
        "/api/{}%ff/tasks",
        "/api/{}%EF%BF%BD/tasks",
        "/api/{}%CC%81/tasks",
        "/api/x/{}/tasks",
    ],
)
def test_the_path_must_match_the_user_exactly(ann: Person, path: str) -> None:
    assert ann.get(path.format(ann.user_id)).status_code == 403


def test_a_large_body_without_a_token_is_not_read(anyone: httpx.Client) -> None:
    assert anyone.post("/api/ann/tasks", content=b"x" * 60_000).status_code == 401


def signed(secret: str = SECRET, header: dict[str, Any] | None = None, algorithm: str = "HS256", **claims: Any) -> str:
    now = int(time.time())
    all_claims = {"sub": "ann", "iat": now, "exp": now + 600, **claims}
    kept = {name: value for name, value in all_claims.items() if value is not ...}
    return jwt.encode(kept, secret, algorithm=algorithm, headers=header)


def answer_to(client: httpx.Client, authorization: str) -> int:
    answer = client.get("/api/ann/tasks", headers={"Authorization": authorization})
    if answer.status_code == 401:
        assert answer.json() == UNAUTHENTICATED
        assert answer.headers["www-authenticate"] == 'Bearer realm="todo-api", error="invalid_token"'
    return answer.status_code


@pytest.mark.parametrize("authorization", ["Bearer {}", "bearer {}", "BEARER   {}"], ids=["Bearer", "lower", "UPPER"])
def test_the_scheme_is_case_insensitive(anyone: httpx.Client, authorization: str) -> None:
    assert answer_to(anyone, authorization.format(signed())) == 200


def test_each_secret_of_a_rotation_is_good(anyone: httpx.Client) -> None:
    assert answer_to(anyone, f"Bearer {signed(OTHER_SECRET)}") == 200


def test_clocks_may_differ_by_half_a_minute(anyone: httpx.Client) -> None:
    now = int(time.time())
    assert answer_to(anyone, f"Bearer {signed(exp=now - 20)}") == 200
    assert answer_to(anyone, f"Bearer {signed(iat=now + 20)}") == 200


BAD_TOKENS: dict[str, Callable[[], str]] = {
    "not a JWT": lambda: "x",
    "three segments that are not base64url JSON": lambda: "a.b.c",
    "an opaque session token": lambda: "x" * 32,
    "an opaque session cookie": lambda: f"{'x' * 32}.{'y' * 44}",
    "signed with another secret": lambda: signed("another-secret-0123456789abcdefghijkl"),
    "alg HS384": lambda: signed(SECRET * 2, algorithm="HS384"),
    "exp missing": lambda: signed(exp=...),
    "sub missing": lambda: signed(sub=...),
    "expired a minute ago": lambda: signed(exp=int(time.time()) - 60),
    "iat in an hour": lambda: signed(iat=int(time.time()) + 3600),
    "nbf in an hour": lambda: signed(nbf=int(time.time()) + 3600),
    "exp 2^62": lambda: signed(exp=2**62),
    "exp 10^400": lambda: signed(exp=10**400),
    "exp 10^400, iat -10^400": lambda: signed(exp=10**400, iat=-(10**400)),
    "exp true": lambda: signed(exp=True),
    "exp text": lambda: signed(exp="4102444800"),
    "iat ten years ago": lambda: signed(iat=int(time.time()) - 10 * 365 * 86400),
    "sub empty": lambda: signed(sub=""),
    "sub with a slash": lambda: signed(sub="a/b"),
    "sub a list": lambda: signed(sub=["ann"]),
    "sub with NUL": lambda: signed(sub="ann\x00"),
    "sub not ASCII": lambda: signed(sub="é"),
    "sub of 129 characters": lambda: signed(sub="a" * 129),
    "typ of a session cookie": lambda: signed(header={"typ": "better-auth.session-cache+jwt"}),
    "cty JWT": lambda: signed(header={"cty": "JWT"}),
    "longer than 8 KB": lambda: signed(name="x" * 9000),
    "alg none": lambda: jwt.encode({"sub": "ann", "exp": int(time.time()) + 60}, "", algorithm="none"),
    "four segments": lambda: signed() + "=.x",
    "two tokens": lambda: f"{signed()} {signed()}",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_bad_token_gets_401(anyone: httpx.Client, name: str) -> None:
    assert answer_to(anyone, f"Bearer {BAD_TOKENS[name]()}") == 401


@pytest.mark.parametrize(
    "authorization",
    ["Basic {}", "{}", "Bearer", "Token {}", "Bearer{}"],
    ids=["Basic", "no scheme", "Bearer without a token", "Token", "Bearer without a space"],
)
def test_another_scheme_gets_401(anyone: httpx.Client, authorization: str) -> None:
    assert answer_to(anyone, authorization.format(signed())) == 401


def test_two_tokens_get_401(anyone: httpx.Client) -> None:
    lines = [("Authorization", f"Bearer {signed()}"), ("Authorization", f"Bearer {signed()}")]
    assert anyone.get("/api/ann/tasks", headers=lines).status_code == 401


def test_a_token_elsewhere_gets_401(anyone: httpx.Client) -> None:
    token = token_for("ann")
    assert anyone.get(f"/api/ann/tasks?token={token}&access_token={token}").status_code == 401
    assert anyone.get("/api/ann/tasks", headers={"Cookie": f"token={token}"}).status_code == 401
