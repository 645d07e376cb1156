"""todo-api check: right and wrong in plain words."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from alembic import command as alembic

from tests.architecture.test_migrations import empty, run
from tests.support.program import todo_api
from tests.support.service import SECRET
from todo_api.cli.check import findings, keys
from todo_api.config.settings import load_settings
from todo_api.db.migrations import alembic_config

__all__ = ["empty"]
KEY = '{"kty":"OKP","crv":"Ed25519","kid":"k","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'


def found(directory: Path, **settings: str) -> dict[str, tuple[bool, str]]:
    chosen = load_settings({"BETTER_AUTH_SECRET": SECRET, **settings}, directory)
    return {about: (ok, words) for ok, about, words in findings(chosen, settings["DATABASE_URL"])}


def test_all_is_right_with_the_database_of_the_service(database_url: str, tmp_path: Path) -> None:
    done = todo_api(tmp_path, "check", DATABASE_URL=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    settings, database, connections, migrations = done.stdout.splitlines()
    assert settings.startswith("ok    settings     development, 1 workers, 2 secrets")
    assert database.startswith("ok    database     PostgreSQL 18, ")
    assert re.fullmatch(r"ok    connections  15 at most for each replica .*: room for 13 replicas", connections)
    assert re.fullmatch(r"ok    migrations   at \d{4}, the newest", migrations)


def test_what_is_wrong_makes_the_exit_status(empty: str, tmp_path: Path) -> None:
    done = todo_api(tmp_path, "check", DATABASE_URL=empty)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1].startswith("FAIL  migrations   the database is at nothing")


def test_a_database_without_tables_says_how_to_migrate(empty: str, tmp_path: Path) -> None:
    ok, words = found(tmp_path, DATABASE_URL=empty)["migrations"]
    assert not ok
    assert words.endswith("run `todo-api database upgrade`")


def test_a_database_that_is_ahead_is_fine_while_rolling_back(empty: str, tmp_path: Path) -> None:
    alembic.upgrade(alembic_config(empty), "head")
    run(empty, "update alembic_version set version_num = '9998'")
    ok, words = found(tmp_path, DATABASE_URL=empty)["migrations"]
    assert ok
    assert "at 9998, which is newer than this code" in words


def test_too_many_connections_are_told(database_url: str, tmp_path: Path) -> None:
    ok, words = found(tmp_path, DATABASE_URL=database_url, WEB_CONCURRENCY="20")["connections"]
    assert not ok
    assert "300 at most for each replica" in words


def test_a_database_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    told = found(tmp_path, DATABASE_URL="postgresql://ann:xyzzy@127.0.0.1:1/tasks")
    assert not told["database"][0]
    assert "xyzzy" not in str(told)


def test_a_bad_setting_is_told_like_everywhere(tmp_path: Path) -> None:
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
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api/auth/jwks"
        server.shutdown()
        thread.join()


def test_better_auths_keys_are_tried() -> None:
    with better_auth(f'{{"keys":[{KEY}]}}') as url:
        assert keys(url) == (True, "keys", f"1 at {url}: EdDSA")


@pytest.mark.parametrize(
    ("body", "status"), [("<html>", 200), ("{}", 200), ('{"keys":[]}', 200), ("[]", 200), ("", 404)]
)
def test_what_is_no_key_set_is_wrong(body: str, status: int) -> None:
    with better_auth(body, status) as url:
        ok, _, words = keys(url)
    assert not ok
    assert words.startswith(f"{url} gives no key set: ")


def test_keys_that_are_away_are_wrong() -> None:
    assert keys("http://127.0.0.1:1/jwks") == (
        False, "keys", "http://127.0.0.1:1/jwks gives no key set: [Errno 111] Connection refused",
    )  # fmt: skip
