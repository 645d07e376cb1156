"""The service dies after the database has committed and before anybody was told."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.client import Person, fresh_user
from tests.support.service import Service, running
from tests.support.wire import Wire

Sent = tuple[str, str, dict[str, object], dict[str, str]]


class MuteWire(Wire):
    """A wire on which, while it is muted, PostgreSQL is not heard."""

    muted = False

    async def _to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.muted:
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
def mute_wire(database_url: str) -> Iterator[MuteWire]:
    with MuteWire(database_url) as wire:
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
    service: Service, mute_wire: MuteWire, tmp_path: Path, request_: Sent
) -> None:
    """The retry goes to another replica, and is safe."""
    method, path, body, headers = request_
    settings = {"DATABASE_URL": mute_wire.url, "DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0"}
    with (
        running(tmp_path, settings) as dying,
        Person(service.url, fresh_user("ann")) as ann,
        Person(dying.url, ann.user_id) as unlucky,
    ):
        first = unlucky.creates()
        # So that the driver has the statement: it asks PostgreSQL about each one first.
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
        mute_wire.muted = True
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
            assert retry.json() == done[0]
            assert ann.get("tasks").json()["data"] == [done[0], first]
        else:
            assert (retry.status_code, retry.json()["current"]) == (412, done[0])
            assert retry.json()["changed"] == ["title", "tags"]
            assert ann.sees(first["id"])["version"] == 2
