"""The headers that every answer has, errors included, and those that none has."""

from collections.abc import Iterator

import httpx
import pytest

from tests.config.test_settings import PRODUCTION
from tests.security.cases import CASES
from tests.support.client import Person
from tests.support.raw import exchange
from tests.support.service import SECRET, Service, running
from todo_api.auth.tokens import development_token

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "vary": "Origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


def test_every_answer_carries_them(service: Service) -> None:
    """Except the answers of the server itself, before there is a request: they have no body to protect."""
    bare: set[str] = set()
    for case in CASES:
        if case.answers:
            done = exchange(service.port, case.data, half_close=case.ends)
            headers = dict(done.headers)
            assert not headers.get("server"), case.name
            if "x-request-id" in headers:
                assert ALWAYS.items() <= headers.items(), case.name
                assert headers["cache-control"] == ("private, no-cache" if "etag" in headers else "no-store"), case.name
            else:
                assert (headers["content-length"], done.statuses[-1] in (400, 431)) == ("0", True), case.name
                bare.add(case.group)
    assert bare <= {"framing", "size", "paths"}


def test_the_page_may_run_its_script(anyone: httpx.Client) -> None:
    page = anyone.get("/docs")
    assert page.headers.get("content-security-policy") != ALWAYS["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"


def test_development_does_not_demand_https(ann: Person) -> None:
    assert "strict-transport-security" not in ann.get("tasks").headers


@pytest.fixture(scope="module")
def in_production(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {**PRODUCTION, "DATABASE_URL": database_url, "HOST": "127.0.0.1", "BETTER_AUTH_SECRET": SECRET}
    with running(tmp_path_factory.mktemp("service"), settings) as service:
        yield service


def test_production_demands_https_on_every_answer(in_production: Service) -> None:
    for path in ("/health", "/nowhere", "/api/ann/tasks", "/docs"):
        answer = httpx.get(in_production.url + path)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("issuer", "audience", "status"),
    [
        ("https://app.example", "todo-api", 200),
        ("https://app.example", "another", 401),
        ("https://another.example", "todo-api", 401),
    ],
)
def test_production_checks_issuer_and_audience(in_production: Service, issuer: str, audience: str, status: int) -> None:
    assert asked(in_production, development_token("ann", SECRET.encode(), issuer, audience, 600)) == status


def asked(service: Service, token: str) -> int:
    return httpx.get(f"{service.url}/api/ann/tasks", headers={"Authorization": f"Bearer {token}"}).status_code


def test_production_logs_no_token_and_no_secret(in_production: Service) -> None:
    good = development_token("ann", SECRET.encode(), "https://app.example", "todo-api", 600)
    bad = development_token("ann", b"x" * 32, "https://app.example", "todo-api", 600)
    assert (asked(in_production, good), asked(in_production, bad)) == (200, 401)
    written = in_production.log.read_text()
    assert "token refused" in written
    for private in (SECRET, good, bad):
        assert private not in written
