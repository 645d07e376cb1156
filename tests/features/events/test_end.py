"""How streams end, and how many there may be."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.client import Person, fresh_user, token_for
from tests.support.events import streaming
from tests.support.service import ORIGIN, Service, running
from todo_api.errors import TooManyStreams
from todo_api.http.event_stream import MOST_OF_A_WORKER, OpenStreams
from todo_api.http.shutdown import Drain
from todo_api.observability.context import worker_stats

SECONDS_TO_STOP = 6.0


def expiring(person: Person, seconds: int) -> Person:
    """The same user with a token that expires soon."""
    headers = {"Authorization": f"Bearer {token_for(person.user_id, seconds)}"}
    return Person(str(person.base_url), person.user_id, headers)


def used(person: Person) -> int:
    number: int = person.get("limits").json()["streams"]["used"]
    return number


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_stream_ends_with_its_token(ann: Person) -> None:
    with expiring(ann, 3) as short, streaming(short) as events:
        began = time.monotonic()
        events.next()
        ann.creates(title="before the end")
        assert events.next().name == "changes"
        (end,) = events.rest()
        assert 1 < time.monotonic() - began < 4
    assert (end.name, end.data["code"]) == ("end", "token_expired")
    assert end.retry == end.data["retry_ms"] <= 1000
    with expiring(ann, -5) as leeway, streaming(leeway) as events:
        assert [event.name for event in events.rest()] == ["ready", "end"], "a token of the leeway opens no stream"


@pytest.mark.parametrize("drain_seconds", ["0", "3"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_ends_all_streams_at_once(database_url: str, tmp_path: Path, drain_seconds: str, workers: str) -> None:
    settings = {"DATABASE_URL": database_url, "DRAIN_SECONDS": drain_seconds, "WEB_CONCURRENCY": workers}
    user = fresh_user("ann")
    with running(tmp_path, settings) as service, Person(service.url, user) as ann, ExitStack() as open_ones:
        streams = [open_ones.enter_context(streaming(ann)) for _ in range(6)]
        for events in streams:
            events.next()
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        ends = [events.rest() for events in streams]
        assert time.monotonic() - began < 2
        assert [[event.data["code"] for event in end] for end in ends] == [["stopping"]] * 6
        pauses = {end[0].data["retry_ms"] for end in ends}
        assert len(pauses) > 2, "clients come back spread over time"
        assert all(1000 <= pause <= 8000 for pause in pauses)
        if drain_seconds != "0":
            answer = ann.get("events")
            assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
        assert service.process.wait(15) == 0
        assert time.monotonic() - began < SECONDS_TO_STOP + int(drain_seconds)


def test_a_worker_whose_parent_was_killed_ends_its_streams_and_itself(database_url: str, tmp_path: Path) -> None:
    with (
        running(tmp_path, {"DATABASE_URL": database_url}) as service,
        Person(service.url, fresh_user("ann")) as ann,
        streaming(ann) as events,
    ):
        events.next()
        workers = psutil.Process(service.process.pid).children()
        service.process.kill()
        (end,) = events.rest()
        assert end.data["code"] == "stopping"
        _, alive = psutil.wait_procs(workers, SECONDS_TO_STOP)
        assert not alive


def opened(service: Service, user: str, *, path: str = "events", buffer: int = 4096) -> socket.socket:
    """A client on a plain socket, with a small buffer. It reads nothing until it is told to."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(30)
    client.connect(("127.0.0.1", service.port))
    head = f"GET /api/{user}/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token_for(user)}\r\n\r\n"
    client.sendall(head.encode())
    return client


def test_a_client_that_reads_nothing_is_cut_and_misses_nothing(service: Service, ann: Person) -> None:
    big = {"description": "d" * 1000, "tags": [f"{number:02}{'t' * 48}" for number in range(20)]}
    for number in range(120):
        ann.creates(title=f"{number}{'x' * 190}", **big)
    begin = ann.get("changes?limit=1").json()["cursor"]
    with opened(service, ann.user_id, path=f"events?cursor={begin}") as client, streaming(ann) as healthy:
        healthy.next()
        until(lambda: used(ann) == 2)
        deadline = time.monotonic() + 60
        while used(ann) == 2:
            ids = [task["id"] for task in ann.get("tasks?limit=100").json()["data"]]
            for task in ids:
                ann.patch(f"tasks/{task}/complete")
            assert time.monotonic() < deadline
        last = ann.get("changes?limit=1").json()["change_id"]
        told = b""
        while chunk := client.recv(1 << 20):
            told += chunk
            if told.endswith(b"0\r\n\r\n"):
                break
        assert len(healthy.until(max(last, 1))) > 0, "the others are not concerned"
    last_id = [line for line in told.split(b"\n") if line.startswith(b"id: ")][-1][4:].decode()
    with streaming(ann, last_id) as events:
        events.next()
        assert events.until(ann.get("changes?limit=500").json()["change_id"])


def test_clients_that_vanish_are_noticed_and_forgotten(service: Service, ann: Person) -> None:
    for _ in range(5):
        clients = [opened(service, ann.user_id) for _ in range(10)]
        until(lambda: used(ann) == 10)
        for client in clients[:5]:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        for client in clients:
            client.close()
        until(lambda: used(ann) == 0)


def test_ten_streams_of_a_user_are_open_and_the_next_is_429(service: Service, ann: Person, bob: Person) -> None:
    with ExitStack() as open_ones:
        streams = [open_ones.enter_context(streaming(ann)) for _ in range(10)]
        for events in streams:
            events.next()
        assert ann.get("limits").json()["streams"] == {"used": 10, "max": 10}
        refused = ann.get("events")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert int(refused.headers["retry-after"]) > 0
        assert ann.head("events").status_code == 429
        with streaming(bob) as events:
            events.next()
        assert bob.get("limits").json()["streams"]["used"] <= 1
    until(lambda: used(ann) == 0)
    with streaming(ann) as events:
        events.next()


def test_2500_streams_of_a_worker_are_open_and_the_next_is_refused() -> None:
    """The answer is that of the test above. `python -m benchmarks.hostile.idle_streams` opens as many over HTTP."""
    streams = OpenStreams(Drain(0))
    users = [f"user{number}" for number in range(MOST_OF_A_WORKER)]
    assert len(users) == 2500
    for user in users:
        streams.enter(user)
    with pytest.raises(TooManyStreams):
        streams.enter("another")
    assert streams.used("another") == 0
    streams.leave(users.pop())
    streams.enter("another")
    for user in [*users, "another"]:
        streams.leave(user)
    assert worker_stats.streams == 0


def test_only_the_opening_counts_for_the_rate_limit(database_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": database_url, "RATE_LIMIT": "1/5"}
    with running(tmp_path, settings) as service, Person(service.url, fresh_user("ann")) as ann:
        with streaming(ann) as events:
            assert events.answer.headers["ratelimit-remaining"] == "4"
            events.next()
            for _ in range(3):
                ann.creates()
                events.next()
        statuses = [ann.head("events").status_code for _ in range(4)]
        assert 429 in statuses


def test_a_page_of_an_allowed_origin_may_read_it(anyone: httpx.Client, ann: Person) -> None:
    preflight = anyone.options(
        f"/api/{ann.user_id}/events",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization, last-event-id",
        },
    )
    assert preflight.status_code == 204
    assert "last-event-id" in preflight.headers["access-control-allow-headers"].lower()
    with ann.stream("GET", "events", headers={"Origin": ORIGIN}) as answer:
        assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_many_streams_of_a_user_tell_the_same(service: Service, ann: Person) -> None:
    """Streams at the same place share one read."""

    async def read(http: httpx.AsyncClient, most: int) -> list[int]:
        seen = []
        async with http.stream("GET", f"/api/{ann.user_id}/events") as answer:
            async for line in answer.aiter_lines():
                if line.startswith('data: {"changes'):
                    seen.append(json.loads(line[6:])["change_id"])
                if seen and seen[-1] == most:
                    return seen
        return seen

    async def all_of_them() -> list[list[int]]:
        headers = {"Authorization": f"Bearer {token_for(ann.user_id)}"}
        async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=30) as http:
            readers = [asyncio.create_task(read(http, 20)) for _ in range(9)]
            await asyncio.to_thread(until, lambda: used(ann) == 9)
            for _ in range(20):
                await http.post(f"/api/{ann.user_id}/tasks", json={"title": "x"})
            return await asyncio.gather(*readers)

    for seen in asyncio.run(all_of_them()):
        assert seen[-1] == 20
        assert seen == sorted(set(seen))
