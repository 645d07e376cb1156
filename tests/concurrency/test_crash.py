"""The service is killed after the database has committed and before the client gets the answer."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.support.client import Person, fresh_user
from tests.support.counting_proxy import CountingProxy
from tests.support.service import Service, running

Sent = tuple[str, str, dict[str, object], dict[str, str]]


class MutedProxy(CountingProxy):
    """While it is muted, it drops everything that PostgreSQL answers."""

    muted = False

    async def _to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.muted:
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
def muted_proxy(database_url: str) -> Iterator[MutedProxy]:
    with MutedProxy(database_url) as wire:
        yield wire


@pytest.mark.parametrize(
    "request_",
    [
        ("POST", "tasks", {"title": "Once", "tags": ["a"]}, {"Idempotency-Key": "k"}),
        ("PATCH", "tasks/{}", {"title": "Once", "tags": ["a"]}, {"If-Match": '"1"'}),
    ],
    ids=["POST", "PATCH"],
)
def test_a_crash_between_commit_and_answer(
    service: Service, muted_proxy: MutedProxy, database_url: str, tmp_path: Path, request_: Sent
) -> None:
    """The client sends the request again, to another replica, and nothing is done twice."""
    method, path, body, headers = request_
    settings = {"DATABASE_URL": muted_proxy.url, "DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0"}
    with (
        running(tmp_path, settings) as dying,
        Person(service.url, fresh_user("ann")) as ann,
        Person(dying.url, ann.user_id) as unlucky,
    ):
        first = unlucky.creates()
        # The driver prepares each statement before its first use, which needs an answer of PostgreSQL.
        warm = Person(dying.url, fresh_user("warm"))
        assert warm.request(method, path.format(warm.creates()["id"]), json=body, headers=headers).is_success
        warm.close()
        path = path.format(first["id"])
        lost: list[Exception] = []

        def send() -> None:
            try:
                unlucky.request(method, path, json=body, headers=headers)
            except httpx.TransportError as error:
                lost.append(error)

        sender = threading.Thread(target=send)
        muted_proxy.muted = True
        sender.start()
        deadline = time.monotonic() + 4
        while not (done := [task for task in ann.get("tasks").json()["data"] if task["title"] == "Once"]):
            assert time.monotonic() < deadline, "nothing was committed"
        dying.kill()
        sender.join(10)
        assert lost, "the client was answered"

        retry = ann.request(method, path, json=body, headers=headers)
        if method == "POST":
            assert (retry.status_code, retry.headers["idempotency-replayed"]) == (201, "true")
            assert retry.headers["change-id"] == "2"
            assert retry.json() == done[0]
            assert ann.get("tasks").json()["data"] == [done[0], first]
        else:
            assert (retry.status_code, retry.json()["current"]) == (412, done[0])
            assert retry.json()["changed"] == ["title", "tags"]
            assert ann.sees(first["id"])["version"] == 2
            assert "change-id" not in retry.headers
        changes = f"select revision, version, op from changes where user_id = '{ann.user_id}' order by revision"
        second = (2, 1, "create") if method == "POST" else (2, 2, "change")
        assert [tuple(row) for row in run(database_url, changes)] == [(1, 1, "create"), second]
        assert run(database_url, f"select revision from heads where user_id = '{ann.user_id}'")[0][0] == 2
