"""GET /health and GET /health/ready, and the headers of every answer."""

import re
import time
from pathlib import Path

import httpx
import pytest
from alembic import command as alembic

from tests.architecture.test_migrations import empty, run
from tests.support.client import Person, fresh_user
from tests.support.proxy import Proxy, socket_of
from tests.support.service import ORIGIN, Service, free_port, running
from todo_api import __version__
from todo_api.db.migrations import alembic_config, upgrade
from todo_api.db.schema import REVISIONS
from todo_api.db.tables import METADATA

__all__ = ["empty"]


def test_liveness_needs_no_token(anyone: httpx.Client) -> None:
    answer = anyone.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "service": "todo-api", "version": __version__}


def test_readiness_needs_no_token(anyone: httpx.Client) -> None:
    answer = anyone.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_without_a_database_it_is_healthy_and_not_ready(tmp_path: Path) -> None:
    service = Service(tmp_path, {"DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/none"})
    try:
        service.wait_until_it_answers("/health")
        with Person(service.url, fresh_user("ann")) as ann:
            for answer in (ann.get("/health/ready"), ann.get("tasks"), ann.post("tasks", json={"title": "a"})):
                assert answer.status_code == 503
                assert answer.json()["code"] == "database_unavailable"
                assert int(answer.headers["retry-after"]) > 0
    finally:
        assert service.stop() == 0


@pytest.mark.parametrize("revision", [None, *REVISIONS[:-1]])
def test_before_the_newest_migration_it_is_not_ready(empty: str, tmp_path: Path, revision: str | None) -> None:
    if revision is not None:
        alembic.upgrade(alembic_config(empty), revision)
    service = Service(tmp_path, {"DATABASE_URL": empty})
    try:
        service.wait_until_it_answers("/health")
        with Person(service.url, fresh_user("ann")) as ann:
            for answer in (ann.get("/health/ready"), ann.post("tasks", json={"title": "a"}), ann.get("/health/ready")):
                assert (answer.status_code, answer.json()["code"]) == (503, "not_migrated")
                assert int(answer.headers["retry-after"]) > 0
            upgrade(empty)
            service.wait_until_it_answers(seconds=5)
            ann.creates()
    finally:
        service.stop()
    log = service.log.read_text()
    assert log.count(f"it is at {revision or 'nothing'}, this version needs {REVISIONS[-1]}") == 1
    assert f"database: migrated, it is at {REVISIONS[-1]}" in log


def test_a_newer_database_is_ready_and_readiness_sends_one_query(empty: str, tmp_path: Path) -> None:
    """The code before a migration still works with the database after it: docs/operations.md, "Migrations"."""
    upgrade(empty)
    run(empty, "update alembic_version set version_num = '9998'")
    name = empty.rpartition("/")[2].partition("?")[0]
    with (
        Proxy(socket_of(empty)) as proxy,
        running(tmp_path, {"DATABASE_URL": proxy.url.replace("/postgres?", f"/{name}?")}) as service,
    ):
        bytes_before = proxy.to_server_bytes
        for _ in range(20):
            assert httpx.get(f"{service.url}/health/ready").status_code == 200
        assert proxy.to_server_bytes == bytes_before


def test_a_missing_table_makes_readiness_check_again(empty: str, tmp_path: Path) -> None:
    upgrade(empty)
    with running(tmp_path, {"DATABASE_URL": empty}) as service, Person(service.url, fresh_user("ann")) as ann:
        ann.creates()
        alembic.downgrade(alembic_config(empty), "0001")
        assert ann.get("/health/ready").status_code == 200
        for answer in (ann.post("tasks", json={"title": "a"}), ann.get("/health/ready")):
            assert (answer.status_code, answer.json()["code"]) == (503, "not_migrated")
        upgrade(empty)
        service.wait_until_it_answers(seconds=5)
        ann.creates()


def test_without_its_functions_it_is_not_ready(empty: str, tmp_path: Path) -> None:
    upgrade(empty)
    with running(tmp_path, {"DATABASE_URL": empty}) as service, Person(service.url, fresh_user("ann")) as ann:
        ann.creates()
        run(empty, "drop schema writes_1 cascade")
        for answer in (ann.post("tasks", json={"title": "a"}), ann.get("/health/ready")):
            assert (answer.status_code, answer.json()["code"]) == (503, "not_migrated")
        assert ann.get("tasks").json()["total"] == 1
        upgrade(empty)
        service.wait_until_it_answers(seconds=5)
        ann.creates()


def test_a_role_that_cannot_read_the_revision_is_ready(empty: str, tmp_path: Path) -> None:
    upgrade(empty)
    role = f"app_{time.time_ns()}"
    run(empty, f"create role {role} login")
    run(empty, f"grant select, insert, update, delete on {', '.join(METADATA.tables)} to {role}")
    url = empty.replace("//postgres@", f"//{role}@")
    assert url != empty
    try:
        with running(tmp_path, {"DATABASE_URL": url}) as service, Person(service.url, fresh_user("ann")) as ann:
            ann.creates()
        assert "cannot read alembic_version" in service.log.read_text()
    finally:
        run(empty, f"drop owned by {role}")
        run(empty, f"drop role {role}")


def test_every_answer_has_a_request_id(anyone: httpx.Client, ann: Person) -> None:
    assert re.fullmatch("[0-9a-f]{16}", anyone.get("/health").headers["x-request-id"])
    taken = anyone.get("/health", headers={"X-Request-ID": "from-the-client.1"})
    assert taken.headers["x-request-id"] == "from-the-client.1"
    refused = anyone.get("/health", headers={"X-Request-ID": "x" * 65})
    assert refused.headers["x-request-id"] != "x" * 65
    for answer in (anyone.get("/nowhere"), ann.get("/nowhere"), ann.post("/health"), ann.get("tasks?x=1")):
        assert answer.headers["x-request-id"]


def test_an_unknown_path_is_404_and_an_unknown_method_405(ann: Person) -> None:
    assert (ann.get("nowhere").status_code, ann.get("nowhere").json()["code"]) == (404, "not_found")
    answer = ann.delete("tasks")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert ann.request("TRACE", "tasks").status_code == 405


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("tasks", "GET, HEAD, OPTIONS, POST"),
        ("tasks/x", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("tasks/x/complete", "OPTIONS, PATCH"),
        ("tags", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_lists_every_method(ann: Person, path: str, allow: str) -> None:
    answer = ann.options(path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allow, b"")
    assert "content-type" not in answer.headers


def preflight(client: httpx.Client, origin: str, path: str = "/api/ann/tasks") -> httpx.Response:
    return client.options(path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})


def test_an_allowed_origin_may_call(anyone: httpx.Client, ann: Person) -> None:
    answer = preflight(anyone, ORIGIN)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert {"PUT", "PATCH", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    allowed = {name.lower() for name in answer.headers["access-control-allow-headers"].split(", ")}
    expected = {"authorization", "content-type", "if-match", "if-none-match", "idempotency-key", "last-event-id"}
    assert allowed == expected
    for called in (
        ann.get("tasks", headers={"Origin": ORIGIN}),
        anyone.get("/api/x/tasks", headers={"Origin": ORIGIN}),
    ):
        assert called.headers["access-control-allow-origin"] == ORIGIN
        exposed = {name.lower() for name in called.headers["access-control-expose-headers"].split(", ")}
        assert {"etag", "location", "x-request-id", "retry-after", "ratelimit-remaining"} <= exposed
        assert called.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin", ["http://localhost:3001", "https://localhost:3000", "http://localhost:3000.evil.example", "null", "*"]
)
def test_another_origin_may_not(anyone: httpx.Client, ann: Person, origin: str) -> None:
    refused = preflight(anyone, origin)
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
    for answer in (refused, ann.get("tasks", headers={"Origin": origin})):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["vary"] == "Origin"


def test_answers_without_an_origin_vary_by_it_too(ann: Person) -> None:
    assert ann.get("tasks").headers["vary"] == "Origin"
