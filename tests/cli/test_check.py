"""todo-api check: one line for each check."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.architecture.test_migrations import empty, run
from tests.support.program import todo_api
from tests.support.service import SECRET
from todo_api.cli.check import findings, keys
from todo_api.config.settings import load_settings
from todo_api.db.migrations import upgrade

__all__ = ["empty"]
KEY = '{"kty":"OKP","crv":"Ed25519","kid":"k","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'


def checked(directory: Path, **settings: str) -> dict[str, tuple[bool, str]]:
    loaded = load_settings({"BETTER_AUTH_SECRET": SECRET, **settings}, directory)
    return {subject: (ok, message) for ok, subject, message in findings(loaded, settings["DATABASE_URL"])}


def test_every_check_is_ok_with_the_database_of_the_service(database_url: str, tmp_path: Path) -> None:
    done = todo_api(tmp_path, "check", DATABASE_URL=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    settings, database, connections, migrations = done.stdout.splitlines()
    assert settings.startswith("ok    settings     development, 1 workers, 2 secrets")
    assert database.startswith("ok    database     PostgreSQL 18, ")
    assert re.fullmatch(r"ok    connections  15 at most for each replica .*: room for 13 replicas", connections)
    assert re.fullmatch(r"ok    migrations   at \d{4}, the newest", migrations)


def test_a_failed_check_makes_the_exit_status_1(empty: str, tmp_path: Path) -> None:
    done = todo_api(tmp_path, "check", DATABASE_URL=empty)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1].startswith("FAIL  migrations   the database is at nothing")


def test_a_database_without_tables_says_how_to_migrate(empty: str, tmp_path: Path) -> None:
    ok, message = checked(tmp_path, DATABASE_URL=empty)["migrations"]
    assert not ok
    assert message.endswith("run `todo-api database upgrade`")


def test_a_database_without_the_functions_says_how_to_install_them(empty: str, tmp_path: Path) -> None:
    upgrade(empty)
    run(empty, "drop schema writes_1 cascade")
    ok, message = checked(tmp_path, DATABASE_URL=empty)["migrations"]
    assert not ok
    assert message.endswith(", without the schema writes_1: run `todo-api database upgrade`")


def test_a_database_that_is_newer_than_the_code_is_ok(empty: str, tmp_path: Path) -> None:
    upgrade(empty)
    run(empty, "update alembic_version set version_num = '9998'")
    ok, message = checked(tmp_path, DATABASE_URL=empty)["migrations"]
    assert ok
    assert "at 9998, which is newer than this code" in message


def test_too_many_connections_fail(database_url: str, tmp_path: Path) -> None:
    ok, message = checked(tmp_path, DATABASE_URL=database_url, WEB_CONCURRENCY="20")["connections"]
    assert not ok
    assert "300 at most for each replica" in message


def test_an_unreachable_database_fails_without_showing_the_password(tmp_path: Path) -> None:
    checks = checked(tmp_path, DATABASE_URL="postgresql://ann:xyzzy@127.0.0.1:1/tasks")
    assert not checks["database"][0]
    assert "xyzzy" not in str(checks)


def test_a_bad_setting_gives_the_same_line_as_in_other_commands(tmp_path: Path) -> None:
    done = todo_api(tmp_path, "check", PORT="x")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("todo-api: PORT is 'x'")


@contextmanager
def better_auth(body: str, status: int = 200) -> Iterator[str]:
    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Keeps the output of the tests free of access logs."""

    with HTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api/auth/jwks"
        server.shutdown()
        thread.join()


def test_better_auths_keys_are_fetched() -> None:
    with better_auth(f'{{"keys":[{KEY}]}}') as url:
        assert keys(url) == (True, "keys", f"1 at {url}: EdDSA")


@pytest.mark.parametrize(
    ("body", "status"), [("<html>", 200), ("{}", 200), ('{"keys":[]}', 200), ("[]", 200), ("", 404)]
)
def test_an_answer_that_is_not_a_key_set_fails(body: str, status: int) -> None:
    with better_auth(body, status) as url:
        ok, _, message = keys(url)
    assert not ok
    assert message.startswith(f"{url} gives no key set: ")


def test_unreachable_keys_fail() -> None:
    assert keys("http://127.0.0.1:1/jwks") == (
        False, "keys", "http://127.0.0.1:1/jwks gives no key set: [Errno 111] Connection refused",
    )  # fmt: skip
