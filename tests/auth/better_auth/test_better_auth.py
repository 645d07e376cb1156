"""The real Better Auth with the real service, configured as the guide says, in both ways."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from tests.auth.better_auth.frontend import (
    CLIENT,
    HERE,
    WAYS,
    BetterAuth,
    SignedIn,
    node,
    project,
    require_node,
    snippets,
)
from tests.support.service import OTHER_SECRET, SECRET, Service, free_port, running
from todo_api.auth.jwks import RETRY_SECONDS


def settings_of_the_guide(better_auth: BetterAuth, way: str) -> dict[str, str]:
    """The guide's `.env` block, with this test's addresses and secrets."""
    block = dict(line.split("=", 1) for line in snippets()[f"{way}/.env"].splitlines())
    secret = f"{better_auth.secret},{OTHER_SECRET}" if "BETTER_AUTH_SECRET" in block else ""
    return {
        name: secret if name == "BETTER_AUTH_SECRET" else value.replace("https://app.example", better_auth.url)
        for name, value in ({"BETTER_AUTH_SECRET": "", "RATE_LIMIT": "off"} | block).items()
    }


class Deployment:
    """A front end, its Better Auth and the service."""

    def __init__(self, better_auth: BetterAuth, service: Service) -> None:
        self.better_auth, self.service = better_auth, service

    def answers(self, user_id: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.service.url}/api/{user_id}/tasks", headers=headers, timeout=30).status_code

    def comes_to_accept(self, user_id: str, token: str) -> bool:
        """True if the service accepts the token within the time after which it may fetch keys again."""
        deadline = time.monotonic() + RETRY_SECONDS + 10
        while self.answers(user_id, token) != 200:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    require_node()
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def deployment(way: str, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with project(way) as directory:
        better_auth = BetterAuth(directory, free_port())
        settings = settings_of_the_guide(better_auth, way) | {"DATABASE_URL": database_url}
        settings["PORT"] = better_auth.api.rpartition(":")[2]
        try:
            with running(tmp_path_factory.mktemp("service"), settings) as service:
                yield Deployment(better_auth, service)
        finally:
            better_auth.stop()


@pytest.fixture
def ann(deployment: Deployment) -> Iterator[SignedIn]:
    with SignedIn(deployment.better_auth) as ann:
        yield ann


def test_every_operation_with_the_typed_client_and_a_server_action(deployment: Deployment) -> None:
    day = json.loads(deployment.better_auth.run("day.js"))
    reads = dict.fromkeys(("listTasks", "getTask", "updateTask", "putTask", "toggleTaskCompletion", "listTags"), 200)
    health = {"getHealth": 200, "getReadiness": 200}
    assert day.pop("answers") == {"createTask": 201, **reads, "deleteTask": 204, **health}
    assert day.pop("asked") == 2, "one token that is refused, and one for all later requests"
    blank = day.pop("blank")
    assert (blank["code"], blank["detail"][0]["loc"]) == ("validation_error", ["body", "title"])
    assert day == {
        "due": None,
        "completed": True,
        "tags": [{"name": "shopping", "usage_count": 1}],
        "titles": ["Buy milk"],
        "gone": "task_not_found",
        "acted": "From the server",
        "replayed": ["true", True],
        "kept": [2, "From one device", ["title"]],
        "form": {"fields": {"title": "Must not be blank"}, "message": "title: must not be blank"},
    }


def test_only_the_jwt_is_a_token(deployment: Deployment, ann: SignedIn) -> None:
    token = ann.token()
    assert len(token) < 400
    assert deployment.answers(ann.user_id, token) == 200
    assert deployment.answers("somebody-else", token) == 403
    cookie = ann.cookies["better-auth.session_token"]
    verification = deployment.better_auth.control("e-mail", email="ann@example.com")["token"]
    assert verification.count(".") == 2
    for other in (ann.session_token, cookie, verification):
        assert deployment.answers(ann.user_id, other) == 401


def test_a_token_expires(deployment: Deployment, ann: SignedIn) -> None:
    def ends(seconds: int) -> str:
        now = int(time.time())
        return deployment.better_auth.control("sign", sub=ann.user_id, iat=now - 900, exp=now + seconds)["token"]

    assert deployment.comes_to_accept(ann.user_id, ends(60))
    assert deployment.answers(ann.user_id, ends(-60)) == 401
    short = ends(-28)
    deadline = time.monotonic() + 20
    while deployment.answers(ann.user_id, short) == 200:
        assert time.monotonic() < deadline, "it does not expire"
        time.sleep(0.2)
    assert deployment.answers(ann.user_id, ann.token()) == 200


def test_a_token_with_a_whole_user_in_its_payload_is_too_long(deployment: Deployment, ann: SignedIn) -> None:
    now = int(time.time())
    fat = deployment.better_auth.control("sign", sub=ann.user_id, iat=now, exp=now + 900, image="data:" + "x" * 8000)
    assert deployment.answers(ann.user_id, fat["token"]) == 401
    assert "longer than 8192 bytes" in deployment.service.log.read_text()


def test_signing_out_ends_the_session_and_not_the_token(deployment: Deployment, ann: SignedIn) -> None:
    token = ann.token()
    assert ann.post("/api/auth/sign-out", json={}).status_code == 200
    assert ann.get("/api/auth/token").status_code == 401
    assert deployment.answers(ann.user_id, token) == 200


def test_keys_rotate_and_the_issuer_stops(deployment: Deployment, ann: SignedIn, way: str) -> None:
    (keys_rotate if way == "published-keys" else secrets_rotate)(deployment, ann)


def keys_rotate(deployment: Deployment, ann: SignedIn) -> None:
    issuer = deployment.better_auth
    first = ann.token()
    assert deployment.comes_to_accept(ann.user_id, first)
    issuer.control("rotate")
    second = ann.token()
    assert kid(first) != kid(second)
    assert deployment.comes_to_accept(ann.user_id, second)
    assert deployment.answers(ann.user_id, first) == 200, "its key is still published"
    issuer.stop()
    assert [deployment.answers(ann.user_id, token) for token in (first, second)] == [200, 200]
    assert httpx.get(f"{deployment.service.url}/health/ready").status_code == 200
    issuer.start()
    with SignedIn(issuer) as bob:
        assert deployment.comes_to_accept(bob.user_id, bob.token()), "a new Better Auth has new keys"
    assert deployment.answers(ann.user_id, second) == 401, "and its old keys are withdrawn"


def secrets_rotate(deployment: Deployment, ann: SignedIn) -> None:
    issuer = deployment.better_auth
    first = ann.token()
    issuer.stop()
    assert deployment.answers(ann.user_id, first) == 200
    issuer.secret = OTHER_SECRET
    issuer.start()
    with SignedIn(issuer) as bob:
        assert deployment.answers(bob.user_id, bob.token()) == 200
    assert deployment.answers(ann.user_id, first) == 200
    issuer.stop()
    issuer.secret = SECRET
    issuer.start()


def kid(token: str) -> str:
    named: str = jwt.get_unverified_header(token)["kid"]
    return named


def test_the_guides_snippets_and_the_client_are_typed_strictly() -> None:
    require_node()
    tsc = HERE / "node_modules/.bin/tsc"
    node(tsc, directory=CLIENT)
    with project("published-keys") as directory:
        (directory / "lib/shared-secret.ts").write_text(snippets()["shared-secret/lib/auth.ts"])
        assert node(tsc, directory=directory) == ""
    with project("localhost") as directory:
        assert node(tsc, directory=directory) == ""


def test_the_typed_client_is_generated_from_the_openapi_document(tmp_path: Path) -> None:
    """If it is not, run `make client`."""
    require_node()
    schema = tmp_path / "schema.d.ts"
    script = json.loads((CLIENT / "package.json").read_text())["scripts"]["generate"]
    node(
        "sh", "-c", f"PATH=node_modules/.bin:$PATH; {script.replace('src/schema.d.ts', str(schema))}", directory=CLIENT
    )
    assert schema.read_text() == (CLIENT / "src/schema.d.ts").read_text()


def test_the_clients_readme_has_the_guides_blocks() -> None:
    shown = re.findall(r"^```ts\n// (\S+)\n(.*?)^```$", (CLIENT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert [name for name, _ in shown] == [
        *("lib/todo.ts", "app/tasks/actions.ts", "lib/save.ts", "lib/sign-out.ts", "lib/safe.ts")
    ]
    assert all(snippets()[name] == text for name, text in shown)


@pytest.mark.parametrize("directory", [HERE, CLIENT], ids=lambda directory: directory.name)
def test_lock_files_name_no_registry(directory: Path) -> None:
    lock = json.loads((directory / "package-lock.json").read_text())
    assert len(lock["packages"]) > 20
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
