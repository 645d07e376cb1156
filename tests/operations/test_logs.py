"""Logs: one line for each request with the figures that an operator needs, and without data of users."""

import re
import socket
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.architecture.test_migrations import empty, run
from tests.support.client import Person, fresh_user
from tests.support.production import METRICS_TOKEN, in_production, line_of, lines, scrape, somebody, until
from tests.support.service import SECRET, Service
from todo_api.db.migrations import upgrade
from todo_api.observability.logs import stack

__all__ = ["empty"]
PRIVATE = "xyzzy-private"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def production(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with in_production(tmp_path_factory.mktemp("production"), database_url) as service:
        yield service


def test_a_request_is_one_json_line(production: Service) -> None:
    with somebody(production, fresh_user("ann")) as ann:
        answer = ann.post(
            "tasks",
            json={"title": PRIVATE},
            headers={"X-Request-ID": "one", "traceparent": f"00-{TRACE}-{SPAN}-01"},
        )
        line = line_of(production, "one")
        assert line | {"ms": 1, "db_ms": 1, "timestamp": "", "user": ""} == {
            "event": "request", "level": "info", "timestamp": "", "method": "POST", "route": "/api/{user_id}/tasks",
            "status": 201, "ms": 1, "db_ms": 1, "statements": 1, "bytes": len(answer.content), "request_id": "one",
            "trace_id": TRACE, "user": "",
        }  # fmt: skip
        assert 0 < line["db_ms"] < line["ms"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])


def test_a_user_has_one_pseudonym_and_others_have_others(production: Service) -> None:
    with somebody(production, fresh_user("ann")) as ann, somebody(production, fresh_user("bob")) as bob:
        ids = {person: [person.get("tasks").headers["x-request-id"] for _ in range(2)] for person in (ann, bob)}
        (ann1, ann2), (bob1, bob2) = ([line_of(production, each)["user"] for each in pair] for pair in ids.values())
        assert ann1 == ann2 != bob1 == bob2
        assert ann.user_id not in production.log.read_text()


@pytest.mark.parametrize("invalid", ["0" * 65, "a b", "", 'a"b', "é"])
def test_an_invalid_request_id_is_replaced(production: Service, invalid: str) -> None:
    answer = httpx.get(f"{production.url}/nope", headers=[(b"X-Request-ID", invalid.encode())])
    request_id = answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16}", request_id)
    assert line_of(production, request_id)["status"] == 401


@pytest.mark.parametrize("invalid", [f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-01", f"00-{TRACE.upper()}-{SPAN}-01"])
def test_an_invalid_traceparent_is_ignored(production: Service, invalid: str) -> None:
    answer = httpx.get(f"{production.url}/nope", headers={"traceparent": invalid})
    assert "trace_id" not in line_of(production, answer.headers["x-request-id"])


def test_probes_are_not_logged(production: Service) -> None:
    httpx.get(f"{production.url}/health")
    answer = httpx.get(f"{production.url}/nope")
    line_of(production, answer.headers["x-request-id"])
    assert not [line for line in lines(production) if line.get("route", "").startswith("/health")]


def test_nothing_private_is_logged(production: Service) -> None:
    with somebody(production, fresh_user("ann")) as ann:
        task = ann.creates(title=PRIVATE, description=PRIVATE, tags=[PRIVATE])
        ann.patch(f"tasks/{task['id']}", json={"title": PRIVATE * 100})
        ann.post("tasks", json={PRIVATE: PRIVATE})
        ann.post("tasks", content=b'{"title": "' + PRIVATE.encode())
        ann.get("tasks", params={PRIVATE: PRIVATE})
        ann.get(f"tasks/{PRIVATE}")
        ann.get(f"/{PRIVATE}")
        ann.get("/api/somebody-else/tasks", headers={"Cookie": PRIVATE, "User-Agent": PRIVATE})
        last = ann.get("tasks", headers={"Authorization": f"Bearer {PRIVATE}"})
        line_of(production, last.headers["x-request-id"])
        log = production.log.read_text()
        for secret in (PRIVATE, ann.user_id, "somebody-else", SECRET, ann.headers["authorization"][7:], task["id"]):
            assert secret not in log


def test_a_client_cannot_forge_a_line(production: Service) -> None:
    forged = '\r\n{"event":"forged"}\x1b[2J\u2028\u0085'
    header = urlsafe_b64encode(b'{"alg":"' + forged.encode("unicode_escape") + b'\\nforged","typ":"JWT"}').rstrip(b"=")
    with socket.create_connection(("127.0.0.1", production.port)) as raw:
        raw.sendall(
            b"GET /api/%0d%0a%7b%22event%22%3a%22forged%22%7d/tasks?a=%0aforged HTTP/1.1\r\nHost: a\r\n"
            b"X-Request-ID: a\tforged\r\nUser-Agent: \x85forged\r\nAuthorization: Bearer " + header + b".e30.AA\r\n"
            b"Connection: close\r\n\r\n"
        )
        answer = b""
        while chunk := raw.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 401 ")
    request_id = re.findall(rb"x-request-id: (\w+)", answer)[0].decode()
    line_of(production, request_id)
    assert not [line for line in lines(production) if line["event"] == "forged"]


def test_a_bug_is_logged_with_its_stack_and_id_but_without_the_row(empty: str, tmp_path: Path) -> None:
    upgrade(empty)
    run(empty, "alter table tasks add constraint ck_of_the_test check (title not like 'xyzzy%')")
    with (
        in_production(tmp_path, empty, METRICS_TOKEN=METRICS_TOKEN) as service,
        somebody(service, fresh_user("ann")) as ann,
    ):
        answer = ann.post("tasks", json={"title": PRIVATE})
        assert answer.status_code == 500
        assert "ck_of_the_test" not in answer.text
        request_id = answer.headers["x-request-id"]
        assert line_of(service, request_id)["status"] == 500
        (bug,) = (line for line in lines(service) if line["level"] == "error")
        assert bug["request_id"] == request_id
        assert "CheckViolationError: sqlstate=23514 constraint_name=ck_of_the_test" in bug["exception"]
        assert "repository.py" in bug["exception"]
        assert PRIVATE not in service.log.read_text()
        until(lambda: scrape(service).get('todo_api_database_errors_total{kind="23"}') == 1)


def test_the_level_is_a_setting(database_url: str, tmp_path: Path) -> None:
    with (
        in_production(tmp_path, database_url, LOG_LEVEL="WARNING") as service,
        somebody(service, fresh_user("ann")) as ann,
    ):
        assert ann.get("tasks").status_code == 200
        assert ann.get("tasks", headers={"Authorization": "Bearer x"}).status_code == 401
        assert service.stop() == 0
        assert lines(service) == []


def test_development_logs_readable_lines(service: Service, ann: Person) -> None:
    request_id = ann.get("tasks").headers["x-request-id"]
    until(lambda: request_id in service.log.read_text())
    (line,) = (line for line in service.log.read_text().splitlines() if request_id in line)
    assert re.match(r"\d{4}-\S+Z \[info +\] request .*route='/api/\{user_id\}/tasks' .*status=200", line)


def test_a_stack_names_the_cause_and_no_value() -> None:
    try:
        try:
            int(PRIVATE)
        except ValueError as error:
            raise ConnectionError("the\nnetwork") from error
    except ConnectionError as error:
        text = stack(error)
    assert text.startswith("ConnectionError: the\\nnetwork\n")
    assert "\nValueError\n" in text
    assert PRIVATE not in text
