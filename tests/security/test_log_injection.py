"""The log contains no text of users, no token, no secret, and no line that a client forged."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.support.client import Person, fresh_user, token_for
from tests.support.raw import exchange, request
from tests.support.service import OTHER_SECRET, SECRET, Service, running

FORGED = "forged-by-a-client"
LINES = ("\r\n", "\n", "\r", "\u2028", "\x85", "\x0b", "\x1b[2K\r")


@pytest.fixture(scope="module")
def talkative(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"DATABASE_URL": database_url, "LOG_LEVEL": "DEBUG"}
    with running(tmp_path_factory.mktemp("service"), settings) as service:
        yield service


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_no_client_forges_a_line(talkative: Service) -> None:
    with Person(talkative.url, fresh_user("ann")) as ann:
        for line in LINES:
            text = f"x{line}{FORGED}"
            ann.get(f"/{quote(text)}")
            ann.get(f"/api/{quote(text)}/tasks")
            ann.get(f"tasks/{quote(text)}?{quote(text)}={quote(text)}")
            ann.post("tasks", json={"title": text, text: text, "priority": text})
            ann.post("tasks", json={"title": text, "tags": [text]})
            for header in ({"alg": text}, {"alg": "HS256", "typ": text}, {"alg": "HS256", "kid": text, "crit": [text]}):
                for claims in ({"sub": text}, {text: text}):
                    token = f"{_part(header)}.{_part(claims)}.{_part(text)}"
                    ann.get("tasks", headers={"Authorization": f"Bearer {token}"})
    for name in (b"X-Request-ID", b"Origin", b"User-Agent", b"traceparent", b"Content-Type"):
        for end in (b"\r", b"\n", b"\x0b", b"\x85", b"\r\n "):
            exchange(talkative.port, request(b"POST", None, name + b": x" + end + FORGED.encode(), body=b"{}"))
    for line in talkative.log.read_text(newline="").replace("\r", "\n").splitlines():
        assert not line.startswith(FORGED), line


def test_no_text_no_token_and_no_secret_is_logged(talkative: Service) -> None:
    with Person(talkative.url, fresh_user("ann")) as ann:
        task = ann.creates(title="a-private-title", description="a-private-description", tags=["a-private-tag"])
        ann.patch(f"tasks/{task['id']}", json={"title": "a-private-title\u0000"})
        ann.patch(
            f"tasks/{task['id']}", content=b'{"title": "a-private-title', headers={"Content-Type": "application/json"}
        )
        ann.get("tasks?search=a-private-search&x=a-private-value")
        tokens = [token_for(ann.user_id, seconds) for seconds in (60, -60)]
        for token in tokens:
            ann.get("/api/bob/tasks", headers={"Authorization": f"Bearer {token}"})
            ann.get(f"tasks?access_token={token}")
            ann.get("tasks", headers={"Authorization": f"Basic {token}"})
    written = talkative.log.read_text()
    for secret in ("a-private", SECRET, OTHER_SECRET, *(token.rpartition(".")[2] for token in tokens)):
        assert secret not in written
