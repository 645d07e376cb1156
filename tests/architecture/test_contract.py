"""The OpenAPI document is the contract: it changes only on purpose, and the service keeps it."""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from todo_api.errors import ALL
from todo_api.openapi.scalar import INTEGRITY, SCRIPT, VERSION, page, policy

CONTRACT = Path(__file__).with_name("openapi.json")


@pytest.fixture(scope="module")
def document(service: Any) -> dict[str, Any]:
    served: dict[str, Any] = httpx.get(f"{service.url}/openapi.json").json()
    return served


def test_the_document_is_the_one_agreed_on(document: dict[str, Any]) -> None:
    """To change it: `todo-api openapi --output tests/architecture/openapi.json`, and a line in the CHANGELOG."""
    assert document == json.loads(CONTRACT.read_text())


def test_operations_have_their_names(document: dict[str, Any]) -> None:
    operations = {
        (method.upper(), path): operation["operationId"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert operations == {
        ("POST", "/api/{user_id}/tasks"): "createTask",
        ("GET", "/api/{user_id}/tasks"): "listTasks",
        ("GET", "/api/{user_id}/tasks/{task_id}"): "getTask",
        ("PATCH", "/api/{user_id}/tasks/{task_id}"): "updateTask",
        ("PUT", "/api/{user_id}/tasks/{task_id}"): "putTask",
        ("DELETE", "/api/{user_id}/tasks/{task_id}"): "deleteTask",
        ("PATCH", "/api/{user_id}/tasks/{task_id}/complete"): "toggleTaskCompletion",
        ("GET", "/api/{user_id}/tags"): "listTags",
        ("GET", "/health"): "getHealth",
        ("GET", "/health/ready"): "getReadiness",
    }


def test_the_schemas_have_the_limits_of_the_service(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    schemas = document["components"]["schemas"]
    create, update = schemas["TaskCreate"], schemas["TaskUpdate"]
    assert create["required"] == ["title"]
    assert "required" not in update or update["required"] == []
    for body in (create, update):
        assert body["additionalProperties"] is False
        assert_trimmed(body["properties"]["title"]["pattern"], most=200)
        assert body["properties"]["tags"]["maxItems"] == 20
        assert_trimmed(body["properties"]["tags"]["items"]["pattern"], most=50)
    assert create["properties"]["priority"]["enum"] == ["High", "Low", "Medium"]
    assert set(schemas["Task"]["required"]) == set(schemas["Task"]["properties"])
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def assert_trimmed(pattern: str, most: int) -> None:
    """`pattern` accepts 1 to `most` characters except NUL, without the white space that `str.strip` drops."""
    spaces = "".join(character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace())
    for good in ("x", "x" * most, f"{spaces}{'x' * most}{spaces}", f"x{spaces}x", "\ufeff", "\u200b"):
        assert re.fullmatch(pattern, good), good
    for bad in ("", spaces, "x" * (most + 1), f" {'x' * (most + 1)} ", "x\x00", " \x00 ", *spaces):
        assert not re.fullmatch(pattern, bad), bad


def test_every_operation_documents_its_error_statuses(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            statuses = set(operation["responses"])
            if path.startswith("/api/"):
                assert {"400", "401", "403"} <= statuses
                assert ("404" in statuses) == ("{task_id}" in path)
                assert operation.get("security", document["security"]) == [{"bearer": []}]
            else:
                assert operation["security"] == [{}]


def test_error_codes_are_unique() -> None:
    codes = [error.code for error in ALL]
    assert len(codes) == len(set(codes))


def test_403_and_404_say_it_in_the_words_that_front_ends_look_for() -> None:
    words = {403: "Not authorized", 404: "not found"}
    errors = [error for error in ALL if error.status in words]
    assert len(errors) == 4
    for error in errors:
        assert words[error.status] in error.detail


def test_the_page_names_the_document_and_one_script(anyone: httpx.Client) -> None:
    answer = anyone.get("/docs")
    assert answer.status_code == 200
    assert answer.text == page(own=SCRIPT.exists())
    assert answer.headers["content-security-policy"] == policy(own=SCRIPT.exists())


@pytest.mark.parametrize("own", [True, False])
def test_the_script_is_pinned_from_the_cdn_and_from_here(own: bool) -> None:
    text = page(own=own)
    assert 'data-url="/docs/openapi.json"' in text
    ((source, integrity),) = re.findall(r'<script src="([^"]+)" integrity="(sha384-[^"]+)"', text)
    assert VERSION in source
    assert source.startswith("/docs/scalar.js" if own else "https://")
    assert f"script-src {"'self'" if own else source};" in policy(own=own)
    assert text.count("<script") == 2
    assert integrity == INTEGRITY


@pytest.mark.skipif(not SCRIPT.exists(), reason="Scalar's script is not here: `make docs-assets`")
def test_our_own_script_is_the_pinned_one(anyone: httpx.Client) -> None:
    answer = anyone.get(f"/docs/scalar.js?v={VERSION}")
    assert "sha384-" + base64.b64encode(hashlib.sha384(answer.content).digest()).decode() == INTEGRITY
    assert "immutable" in answer.headers["cache-control"]
    assert len(SCRIPT.read_bytes()) < 2_000_000
