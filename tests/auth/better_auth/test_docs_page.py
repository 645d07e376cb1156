"""The page at `/docs` in a real browser: in development it sends a request without any typing."""

import json
from pathlib import Path

from tests.auth.better_auth.frontend import HERE, chromium, missing, node, require_node
from tests.support.client import Person
from tests.support.service import running
from todo_api.auth.tokens import DEVELOPMENT_USER
from todo_api.openapi.scalar import SCRIPT


def test_the_root_leads_to_the_page_which_sends_a_request_of_the_development_user(
    database_url: str, tmp_path: Path
) -> None:
    require_node()
    if not SCRIPT.exists():
        missing("Scalar's script is not here: `make docs-assets`")
    browser = chromium()
    with running(tmp_path, {"DATABASE_URL": database_url}) as service, Person(service.url, DEVELOPMENT_USER) as ann:
        ann.creates(title="Water the plants")
        environ = {"API": service.url, "CHROMIUM": browser, "PICTURE": str(tmp_path / "docs.png")}
        seen = json.loads(node("node", "docs.mjs", directory=HERE, environ=environ))

    assert seen["address"] == f"{service.url}/docs"
    assert seen["status"] == 200
    assert seen["url"].partition("?")[0] == f"{service.url}/api/{DEVELOPMENT_USER}/tasks"
    assert "Water the plants" in seen["titles"]
    assert (seen["complaints"], seen["outside"]) == ([], [])
