"""token, openapi and database."""

import json
from pathlib import Path

import httpx
import pytest

from tests.config.test_settings import PRODUCTION
from tests.support.program import todo_api
from tests.support.service import Service


def test_a_token_is_accepted_for_its_user(anyone: httpx.Client, tmp_path: Path) -> None:
    done = todo_api(tmp_path, "token", "ann", "--expires", "30s")
    assert done.returncode == 0
    answer = anyone.get("/api/ann/tasks", headers={"Authorization": f"Bearer {done.stdout.strip()}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "arguments", [["a/b"], ["é"], ["ann", "--expires", "8d"], ["ann", "--expires", "0s"], ["ann", "--expires", "1 h"]]
)
def test_a_bad_token_request_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    done = todo_api(tmp_path, "token", *arguments)
    assert done.returncode == 2
    assert "Invalid value" in done.stderr


def test_production_gives_no_tokens(tmp_path: Path) -> None:
    done = todo_api(tmp_path, "token", "ann", **PRODUCTION)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("todo-api: ENVIRONMENT is production")


def test_openapi_is_what_the_service_serves(service: Service, tmp_path: Path) -> None:
    done = todo_api(tmp_path, "openapi", "--output", "openapi.json")
    assert done.returncode == 0
    exported = json.loads((tmp_path / "openapi.json").read_text())
    assert exported == json.loads(todo_api(tmp_path, "openapi").stdout)
    for path in ("/docs/openapi.json", "/openapi.json"):
        assert httpx.get(service.url + path).json() == exported


def test_the_docs_can_be_switched_off(database_url: str, tmp_path: Path) -> None:
    service = Service(tmp_path, {"DATABASE_URL": database_url, "DOCS_ENABLED": "false"})
    try:
        service.wait_until_it_answers()
        for path in ("/docs", "/docs/openapi.json", "/openapi.json"):
            assert httpx.get(service.url + path).status_code == 404
    finally:
        service.stop()


def test_the_database_can_be_migrated_on_the_embedded_default(tmp_path: Path) -> None:
    assert todo_api(tmp_path, "database", "upgrade").returncode == 0
    current = todo_api(tmp_path, "database", "current")
    assert "(head)" in current.stdout
    assert todo_api(tmp_path, "database", "check").returncode == 0
    assert todo_api(tmp_path, "database", "downgrade", "base").returncode == 0
    drifted = todo_api(tmp_path, "database", "check")
    assert drifted.returncode == 1
    assert drifted.stderr.startswith("todo-api: ")
    assert "CREATE TABLE tasks" in todo_api(tmp_path, "database", "upgrade", "--sql").stdout
