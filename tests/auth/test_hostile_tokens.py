"""Hostile and good tokens, on a service that accepts shared secrets and published keys."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.auth.hostile import GOOD, HOSTILE, JWT, USER, published, shared, with_payload
from tests.auth.test_guard import UNAUTHENTICATED
from tests.support.forge import claims, signed
from tests.support.issuer import AUDIENCE, Issuer, issuing, new_key, public
from tests.support.service import Service, free_port, running


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def both(issuer: Issuer, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Verifies with two secrets and with the issuer's keys."""
    settings = {"DATABASE_URL": database_url, "BETTER_AUTH_URL": issuer.url, "JWT_AUDIENCE": AUDIENCE}
    with running(tmp_path_factory.mktemp("both"), settings) as service:
        yield service


@pytest.fixture(scope="module")
def client(both: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=both.url, timeout=30) as client:
        yield client


def answer(client: httpx.Client, token: str) -> int:
    got = client.get(f"/api/{USER}/tasks", headers={b"Authorization": b"Bearer " + token.encode("latin-1")})
    if got.status_code == 401:
        assert got.json() == UNAUTHENTICATED
        assert got.headers["www-authenticate"] == 'Bearer realm="todo-api", error="invalid_token"'
    return got.status_code


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_is_taken(client: httpx.Client, issuer: Issuer, name: str) -> None:
    token = GOOD[name](issuer)
    assert [answer(client, token) for _ in range(2)] == [200, 200]
    assert answer(client, with_payload(token, claims(issuer.url, "victim"))) == 401


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_token_gets_401(client: httpx.Client, issuer: Issuer, name: str) -> None:
    assert answer(client, HOSTILE[name](issuer)) == 401


def test_there_are_many_of_both() -> None:
    assert (len(GOOD), len(HOSTILE)) >= (20, 110)


def test_no_good_token_opens_another_users_path(client: httpx.Client, issuer: Issuer) -> None:
    for name, make in GOOD.items():
        got = client.get("/api/victim/tasks", headers={"Authorization": f"Bearer {make(issuer)}"})
        assert got.status_code == 403, name


def test_a_garbage_token_of_two_megabytes_is_not_read(both: Service) -> None:
    with socket.create_connection(("127.0.0.1", both.port), timeout=10) as wire:
        head = f"GET /api/{USER}/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        try:
            wire.sendall(head.encode() + b"x" * 2_000_000 + b"\r\n\r\n")
        except ConnectionError:
            return
        assert wire.recv(100).split()[1] in (b"401", b"431", b"400")


@pytest.mark.parametrize("name", ["jku", "x5u"])
def test_an_address_in_the_header_is_not_visited(client: httpx.Client, issuer: Issuer, name: str) -> None:
    mine = issuer.private["EdDSA"]
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.3)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/jwks"
        tokens = {
            shared(issuer, {**JWT, name: address}): 200,
            published(issuer, "EdDSA", {name: address}): 200,
            published(issuer, "EdDSA", {name: address, "kid": "theirs"}): 401,
            signed({"alg": "EdDSA", name: address}, claims(issuer.url, USER), mine, "EdDSA"): 401,
        }
        assert {token: answer(client, token) for token in tokens} == tokens
        with pytest.raises(TimeoutError):
            trap.accept()


@pytest.mark.parametrize("name", ["jwk", "x5c"])
def test_a_key_in_the_header_is_not_used(client: httpx.Client, issuer: Issuer, name: str) -> None:
    key = new_key("EdDSA")
    value = public(key, "EdDSA", kid="theirs") if name == "jwk" else ["MIIB"]
    token = signed({"alg": "EdDSA", "kid": "theirs", name: value}, claims(issuer.url, USER), key, "EdDSA")
    assert answer(client, token) == 401
    assert answer(client, published(issuer, "EdDSA", {name: value})) == 200


def test_unknown_keys_cause_few_fetches(client: httpx.Client, issuer: Issuer) -> None:
    before, began = issuer.hits, time.monotonic()
    for number in range(50):
        assert answer(client, published(issuer, "EdDSA", {"kid": f"nobody-{number}"})) == 401
    assert issuer.hits - before <= 1 + (time.monotonic() - began) / 5


def test_the_reason_is_in_the_log_and_the_token_is_not(client: httpx.Client, issuer: Issuer, both: Service) -> None:
    token = shared(issuer, exp=time.time() - 60)
    assert answer(client, token) == 401
    assert client.get(f"/api/{USER}/tasks?token={token}").status_code == 401
    assert token not in both.log.read_text()


def test_without_keys_the_answer_is_503_and_not_401(issuer: Issuer, database_url: str, tmp_path: Path) -> None:
    """After a 401 front ends sign the user out, although the issuer only started later than the service."""
    settings = {"DATABASE_URL": database_url, "BETTER_AUTH_URL": issuer.url, "JWT_AUDIENCE": AUDIENCE}
    settings["JWT_JWKS_URL"] = f"http://127.0.0.1:{free_port()}/jwks"
    with running(tmp_path, settings) as service, httpx.Client(base_url=service.url) as client:
        away = client.get(f"/api/{USER}/tasks", headers={"Authorization": f"Bearer {published(issuer, 'EdDSA')}"})
        assert (away.status_code, away.json()["code"], away.headers["retry-after"]) == (503, "keys_unavailable", "5")
        assert answer(client, shared(issuer)) == 200
        assert answer(client, "nonsense") == 401
        assert settings["JWT_JWKS_URL"] in service.log.read_text()
