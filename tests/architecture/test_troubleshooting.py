"""Every message in docs/troubleshooting.md is provoked, and is as the page prints it."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import jwt
import pytest

from tests.config.test_settings import PRODUCTION
from tests.support.client import Person, token_for
from tests.support.erasure import erase
from tests.support.forge import claims, signed
from tests.support.issuer import new_key
from tests.support.program import todo_api
from tests.support.service import SECRET, Service, free_port
from todo_api.cli.embedded_postgres import embedded_postgres

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/troubleshooting.md").read_text()
MESSAGES: Final[dict[str, str]] = dict(re.findall(r"^### (.*)\n\n```text\n(.*)\n```$", PAGE, re.MULTILINE))
ISSUER: Final = "http://app.example"
IN_THE_BROWSER: Final = "The origin is not allowed"


def printed(name: str) -> re.Pattern[str]:
    """Matches the message of the page. A log may escape its quotes."""
    return re.compile(re.escape(MESSAGES[name]).replace("…", ".+").replace('"', r'\\?"'))


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with an empty database, whose Better Auth cannot be reached."""
    with TemporaryDirectory(prefix="t", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        with embedded_postgres(Path(home), {"fsync": "off"}) as url:
            settings = {"DATABASE_URL": url, "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": "todo-api", "RATE_LIMIT": "off"}
            settings["JWT_JWKS_URL"] = f"http://127.0.0.1:{free_port()}/jwks"
            service = Service(tmp_path_factory.mktemp("lost"), settings)
            try:
                service.wait_until_it_answers("/health")
                yield service
            finally:
                service.stop()


def good(**changed: Any) -> str:
    return signed({"alg": "HS256"}, claims(ISSUER, "ann", **changed))


def now() -> int:
    return int(time.time())


TOKENS: Final[dict[str, Callable[[], str]]] = {
    "The session token was sent": lambda: "x" * 32,
    "The token has expired": lambda: good(exp=now() - 60),
    "The secret is different": lambda: jwt.encode(claims(ISSUER, "ann"), "another-" + SECRET),
    "The issuer is different": lambda: good(iss=f"{ISSUER}/"),
    "The audience is different": lambda: good(aud=ISSUER),
    "The clocks differ": lambda: good(iat=now() + 300),
    "The token is too long": lambda: good(image="x" * 9000),
}


@pytest.mark.parametrize("name", TOKENS)
def test_the_log_says_why_it_is_401(lost: Service, name: str) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[name]()}"}
    assert httpx.get(f"{lost.url}/api/ann/tasks", headers=headers).status_code == 401
    assert printed(name).search(lost.log.read_text())


def test_no_token_was_sent(lost: Service) -> None:
    assert httpx.get(f"{lost.url}/api/ann/tasks").status_code == 401
    assert printed("No token was sent").search(lost.log.read_text())


def test_the_token_is_signed_the_other_way(service: Service) -> None:
    token = signed({"alg": "EdDSA", "kid": "k"}, claims(ISSUER, "ann"), new_key("EdDSA"), "EdDSA")
    assert httpx.get(f"{service.url}/api/ann/tasks", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert printed("The token is signed with a published key").search(service.log.read_text())


def test_the_path_is_another_users(lost: Service) -> None:
    answer = httpx.get(f"{lost.url}/api/bob/tasks", headers={"Authorization": f"Bearer {good()}"})
    assert answer.status_code == 403
    assert printed("The path belongs to another user").fullmatch(answer.text)


def test_the_account_was_erased(ann: Person) -> None:
    assert erase(ann).status_code == 204
    answer = ann.post("tasks", json={"title": "Unsent"})
    assert answer.status_code == 403
    assert printed("The account was erased").fullmatch(answer.text)


BODIES: Final[dict[str, dict[str, Any]]] = {
    "`detail` is an array": {"title": " "},
    "A field is unknown": {"title": "Buy milk", "done": True},
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_refused(service: Service, name: str) -> None:
    answer = httpx.post(f"{service.url}/api/ann/tasks", json=BODIES[name], headers=bearer("ann"))
    assert answer.status_code == 400
    assert printed(name).search(answer.text)


def test_put_is_partial(service: Service) -> None:
    assert "### PUT changed only some fields\n\nPUT is partial here" in PAGE
    made = httpx.post(f"{service.url}/api/ann/tasks", json={"title": "a", "description": "kept"}, headers=bearer("ann"))
    url = service.url + made.headers["location"]
    assert httpx.put(url, json={"title": "b"}, headers=bearer("ann")).json()["description"] == "kept"


def bearer(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_for(user)}"}


def test_the_task_of_the_key_was_deleted(ann: Person) -> None:
    headers = {"Idempotency-Key": "k"}
    ann.delete(ann.post("tasks", json={"title": "T"}, headers=headers).headers["location"])
    answer = ann.post("tasks", json={"title": "T"}, headers=headers)
    assert answer.status_code == 410
    assert printed("The task of the key was deleted").fullmatch(answer.text)


def test_the_keys_cannot_be_fetched(lost: Service) -> None:
    token = signed({"alg": "EdDSA", "kid": "k"}, claims(ISSUER, "ann"), new_key("EdDSA"), "EdDSA")
    answer = httpx.get(f"{lost.url}/api/ann/tasks", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")
    assert printed("The keys cannot be fetched").search(lost.log.read_text())


def test_the_tables_are_not_there(lost: Service) -> None:
    answer = httpx.get(f"{lost.url}/api/ann/tasks", headers={"Authorization": f"Bearer {good()}"})
    assert answer.status_code == 503
    assert printed("The database is not migrated").fullmatch(answer.text)
    assert "UndefinedTableError: sqlstate=42P01" in lost.log.read_text()


def test_the_database_cannot_be_reached(tmp_path: Path) -> None:
    away = f"postgresql://u:p@127.0.0.1:{free_port()}/x?sslmode=disable"
    service = Service(tmp_path, {"DATABASE_URL": away})
    try:
        service.wait_until_it_answers("/health")
        answer = httpx.get(f"{service.url}/health/ready", timeout=30)
        assert answer.status_code == 503
        assert printed("The database cannot be reached").fullmatch(answer.text)
    finally:
        service.stop()


STARTS: Final = {
    "The secret is too short": {"BETTER_AUTH_SECRET": "change-me"},
    "Production is not set up": {**PRODUCTION, "JWT_AUDIENCE": ""},
    "The database's URL is refused": {"DATABASE_URL": "psql 'postgresql://u@h/d'"},
}


@pytest.mark.parametrize("name", STARTS)
def test_a_start_that_is_refused(tmp_path: Path, name: str) -> None:
    done = todo_api(tmp_path, "run", **STARTS[name])
    assert (done.returncode, done.stdout) == (1, "")
    assert printed(name).fullmatch(done.stderr.rstrip("\n"))


def test_the_port_is_taken(service: Service, database_url: str, tmp_path: Path) -> None:
    done = todo_api(tmp_path, "run", PORT=str(service.port), DATABASE_URL=database_url)
    assert printed("The port is taken").fullmatch(done.stderr.rstrip("\n"))


def test_the_data_directory_is_in_use(tmp_path: Path) -> None:
    first = Service(tmp_path, {})
    try:
        first.wait_until_it_answers()
        done = todo_api(tmp_path, "run", PORT=str(free_port()))
        assert printed("The data directory is in use").fullmatch(done.stderr.rstrip("\n"))
    finally:
        first.stop()


def installing(directory: Path, path: str, **environ: str) -> str:
    """The error output of the first step of `make install`."""
    (directory / "scripts").mkdir()
    for name in ("install-pdm", "pdm-requirements.txt"):
        shutil.copy(ROOT / "scripts" / name, directory / "scripts")
    done = subprocess.run(
        [directory / "scripts/install-pdm"],
        env={"PATH": path, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def test_there_is_no_python(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "rm"):
        (programs / name).symlink_to(shutil.which(name) or name)
    assert printed("Python is missing").fullmatch(installing(tmp_path, str(programs)).rstrip("\n"))


def test_pdm_cannot_be_installed(tmp_path: Path) -> None:
    said = installing(
        tmp_path,
        os.environ["PATH"],
        PIP_INDEX_URL=f"http://127.0.0.1:{free_port()}",
        PIP_RETRIES="0",
        PIP_CONFIG_FILE=os.devnull,
    )
    assert printed("PDM cannot be installed").search(said)


def test_every_message_is_provoked() -> None:
    source = Path(__file__).read_text()
    assert len(MESSAGES) >= 20
    assert [name for name in MESSAGES if f'"{name}"' not in source] == []
