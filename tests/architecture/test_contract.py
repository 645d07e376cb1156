"""The OpenAPI document is the contract: it changes only on purpose, and the service keeps it."""

import base64
import gzip
import hashlib
import json
import re
import sys
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from tests.config.test_settings import PRODUCTION
from tests.support.routes import make_app, send
from todo_api.errors import ApiError
from todo_api.openapi import scalar
from todo_api.openapi.error_schemas import subclasses
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
        ("PATCH", "/api/{user_id}/tags/{name}"): "renameTag",
        ("DELETE", "/api/{user_id}/tags/{name}"): "removeTag",
        ("POST", "/api/{user_id}/batch"): "batchTasks",
        ("GET", "/api/{user_id}/trash"): "listTrash",
        ("DELETE", "/api/{user_id}/trash"): "emptyTrash",
        ("DELETE", "/api/{user_id}/trash/{task_id}"): "purgeTask",
        ("POST", "/api/{user_id}/trash/{task_id}/restore"): "restoreTask",
        ("GET", "/api/{user_id}/tasks/{task_id}/history"): "listHistory",
        ("POST", "/api/{user_id}/undo"): "undoChange",
        ("GET", "/api/{user_id}/changes"): "listChanges",
        ("GET", "/api/{user_id}/events"): "streamEvents",
        ("GET", "/api/{user_id}/limits"): "getLimits",
        ("DELETE", "/api/{user_id}"): "eraseAccount",
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
                assert ("404" in statuses) == ("{task_id}" in path or "{name}" in path or path.endswith("/undo"))
                assert operation.get("security", document["security"]) == [{"bearer": []}]
            else:
                assert operation["security"] == [{}]


def test_error_codes_are_unique() -> None:
    codes = [error.code for error in subclasses(ApiError)]
    assert len(codes) == len(set(codes))


def test_403_and_404_say_it_in_the_words_that_front_ends_look_for() -> None:
    words = {403: "Not authorized", 404: "not found"}
    errors = [error for error in subclasses(ApiError) if error.status in words]
    assert len(errors) == 7
    for error in errors:
        assert words[error.status] in error.detail


def test_the_page_of_production_names_the_document_and_one_script() -> None:
    response = send(make_app(**PRODUCTION), path="/docs")
    assert response.status_code == 200
    assert response.text == page(own=SCRIPT.exists())
    assert response.headers["content-security-policy"] == policy(own=SCRIPT.exists())


def options_of(text: str) -> dict[str, Any]:
    """Scalar's configuration in the page."""
    options: dict[str, Any] = json.loads(unescape(re.findall(r'data-configuration="([^"]*)"', text)[0]))
    return options


def test_the_page_of_development_is_filled_with_a_user_and_a_fresh_token(
    anyone: httpx.Client, document: dict[str, Any]
) -> None:
    response = anyone.get("/docs")
    assert response.headers["content-security-policy"] == policy(own=SCRIPT.exists())
    assert response.headers["cache-control"] == "no-store"
    options = options_of(response.text)
    assert options["authentication"]["preferredSecurityScheme"] in document["components"]["securitySchemes"]
    token = options["authentication"]["securitySchemes"]["bearer"]["token"]
    assert anyone.get("/api/ann/tasks", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 12 * 3600
    examples = [
        parameter.pop("example")
        for item in options["content"]["paths"].values()
        for operation in item.values()
        for parameter in operation["parameters"]
        if parameter["name"] == "user_id"
    ]
    assert set(examples) == {"ann"}
    assert options["content"] == document, "otherwise it is the published document, which has no token"


@pytest.mark.parametrize(
    ("host", "filled"),
    [
        ("localhost:8000", True),
        ("127.0.0.1", True),
        ("[::1]:8000", True),
        ("rebound.example", False),
        ("localhost.example", False),
        ("127.0.0.1.example:8000", False),
    ],
)
def test_only_a_client_that_names_this_machine_gets_a_token(host: str, filled: bool) -> None:
    text = send(make_app(), path="/docs", headers={"Host": host}).text
    assert ("authentication" in options_of(text)) == filled
    assert ('data-url="/docs/openapi.json"' in text) != filled


def test_another_machine_gets_no_token() -> None:
    assert scalar.is_local({"client": ("::1", 1), "headers": [(b"host", b"localhost")]})  # type: ignore[typeddict-item]  # the keys it reads
    for client in (("192.0.2.7", 1), ("172.17.0.1", 1), None):
        assert not scalar.is_local({"client": client, "headers": [(b"host", b"localhost")]})  # type: ignore[typeddict-item]  # the keys it reads


def test_the_root_leads_to_the_page_in_development_only() -> None:
    for path in ("/", "/?from=bookmark"):
        response = send(make_app(), path=path, headers={"Authorization": ""})
        assert (response.status_code, response.headers["location"]) == (302, "/docs")
    for settings in (PRODUCTION, {"DOCS_ENABLED": "false"}):
        response = send(make_app(**settings), path="/", headers={"Authorization": ""})
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    response = send(make_app(DOCS_ENABLED="false"), path="/")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_a_script_that_is_fetched_later_is_served_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "scalar.js.gz"
    monkeypatch.setattr(scalar, "SCRIPT", script)
    app = make_app()
    response = send(app, path="/docs")
    assert "make docs-assets" in response.text
    assert response.headers["content-security-policy"] == policy(own=False)
    assert send(app, path="/docs/scalar.js").status_code == 404

    script.write_bytes(gzip.compress(b"1"))
    response = send(app, path="/docs")
    assert "make docs-assets" not in response.text
    assert response.headers["content-security-policy"] == policy(own=True)
    assert send(app, path="/docs/scalar.js").text == "1"


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
