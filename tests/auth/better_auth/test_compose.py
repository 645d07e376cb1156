"""The settings of deploy/compose.yaml with the service and deploy/better-auth: a browser's page of another origin."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple
from uuid import uuid4

import httpx
import pytest
import yaml

from tests.auth.better_auth.frontend import HERE, ROOT, require_node
from tests.auth.better_auth.test_localhost import started
from tests.support.service import free_port, running
from todo_api.cli.embedded_postgres import embedded_postgres

DEPLOY: Final = ROOT / "deploy"
ORIGINS: Final = ("http://localhost:5173", "http://localhost:3001")


class Composed(NamedTuple):
    """The addresses of both servers."""

    api: str
    better_auth: str


def environment_of(name: str, **instead: str) -> dict[str, str]:
    """The environment that Compose gives to a service, with the defaults of its variables."""
    compose: Any = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    environ: dict[str, str] = compose["services"][name]["environment"]
    return {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in environ.items()} | instead


@pytest.fixture(scope="module")
def composed(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    require_node()
    ports = {name: str(free_port()) for name in ("api", "better-auth")}
    directory = HERE / ".build" / f"compose-{ports['api']}"
    directory.mkdir(parents=True)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        home = Path(stack.enter_context(TemporaryDirectory(prefix="t", ignore_cleanup_errors=True)))
        home.chmod(0o755)
        url = stack.enter_context(embedded_postgres(home, {"fsync": "off"}))
        shutil.copy(DEPLOY / "better-auth/server.mjs", directory)
        auth = environment_of("better-auth", DATABASE_URL=url, PORT=ports["better-auth"])
        stack.enter_context(started(directory / "log", "Better Auth at", "node", "server.mjs", environ=auth))
        api = environment_of("api", DATABASE_URL=database_url, PORT=ports["api"], HOST="127.0.0.1", WEB_CONCURRENCY="1")
        service = stack.enter_context(running(tmp_path_factory.mktemp("api"), api))
        yield Composed(service.url, f"http://127.0.0.1:{ports['better-auth']}")


def preflight(url: str, origin: str, method: str, headers: str) -> httpx.Response:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return httpx.options(url, headers={"Origin": origin, **asked})


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_a_browser_origin_signs_up_and_lists_tasks(composed: Composed, origin: str) -> None:
    form = {"email": f"{uuid4()}@example.com", "password": "a long password", "name": "Ann"}
    sign_up = f"{composed.better_auth}/api/auth/sign-up/email"
    with httpx.Client(headers={"Origin": origin}, timeout=30) as page:
        answers = [preflight(sign_up, origin, "POST", "content-type"), page.post(sign_up, json=form)]
        answers.append(page.get(f"{composed.better_auth}/api/auth/token"))
        tasks = f"{composed.api}/api/{answers[1].json()['user']['id']}/tasks"
        answers.append(preflight(tasks, origin, "GET", "authorization"))
        answers.append(page.get(tasks, headers={"Authorization": f"Bearer {answers[2].json()['token']}"}))
    assert [answer.status_code for answer in answers] == [204, 200, 200, 204, 200]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert "Origin" in answer.headers["Vary"]
    assert "content-type" in answers[0].headers["Access-Control-Allow-Headers"].lower()
    assert answers[4].json()["data"] == []


def test_a_page_of_another_origin_is_refused(composed: Composed) -> None:
    form = {"email": f"{uuid4()}@example.com", "password": "a long password", "name": "Ann"}
    headers = {"Origin": "http://localhost:9999"}
    answer = httpx.post(f"{composed.better_auth}/api/auth/sign-up/email", json=form, headers=headers, timeout=30)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert preflight(f"{composed.api}/api/ann/tasks", headers["Origin"], "GET", "authorization").status_code == 403
