"""Logs and metrics of streams, and their memory."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from tests.support.client import fresh_user
from tests.support.events import streaming
from tests.support.production import METRICS_TOKEN, in_production, line_of, lines, scrape, somebody, token, until
from tests.support.service import Service

KILOBYTES_OF_A_STREAM = 60
ROUTE = "/api/{user_id}/events"


@pytest.fixture(scope="module")
def metered(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with in_production(
        tmp_path_factory.mktemp("metered"), database_url, METRICS_TOKEN=METRICS_TOKEN, WEB_CONCURRENCY="2"
    ) as service:
        yield service


def test_a_stream_is_one_line_at_its_end(metered: Service) -> None:
    with somebody(metered, fresh_user("ann")) as ann:
        with streaming(ann) as events:
            request_id = events.answer.headers["x-request-id"]
            events.next()
            for _ in range(3):
                ann.creates()
                events.next()
            time.sleep(0.5)
            assert not [line for line in lines(metered) if line.get("request_id") == request_id]
        line = line_of(metered, request_id)
        assert line["ms"] > 500
        assert (line["method"], line["route"], line["status"]) == ("GET", ROUTE, 200)
        assert (line["events"], line["ended"]) == (4, "client")
        assert line["statements"] >= 1
        other = ann.get("tasks").headers["x-request-id"]
        assert not {"events", "ended"} & line_of(metered, other).keys()


def test_the_line_says_why_a_stream_ended(metered: Service) -> None:
    with somebody(metered, fresh_user("ann")) as ann:
        ann.headers["authorization"] = f"Bearer {token(ann.user_id, seconds=1)}"
        with streaming(ann) as events:
            assert events.rest()[-1].data["code"] == "token_expired"
        assert line_of(metered, events.answer.headers["x-request-id"])["ended"] == "token_expired"


def test_streams_events_and_lag_are_measured_and_the_time_of_a_stream_is_not_a_latency(metered: Service) -> None:
    with ExitStack() as stack:
        ann = stack.enter_context(somebody(metered, fresh_user("ann")))
        until(lambda: scrape(metered).get("todo_api_streams") == 0)
        time.sleep(1.5)  # a worker publishes its counts once a second
        before = scrape(metered)
        streams = [stack.enter_context(streaming(ann)) for _ in range(4)]
        for events in streams:
            events.next()
        until(lambda: scrape(metered).get("todo_api_streams") == 4)
        for number in range(1, 4):
            ann.creates()
            for events in streams:
                events.until(number)
        time.sleep(1.5)

        def risen(name: str) -> float:
            return scrape(metered).get(name, 0) - before.get(name, 0)

        until(lambda: risen('todo_api_stream_events_total{kind="ready"}') == 4)
        until(lambda: risen('todo_api_stream_events_total{kind="changes"}') >= 10)
        until(lambda: risen("todo_api_stream_lag_seconds_count") >= 10)
        assert risen("todo_api_stream_lag_seconds_sum") < 10 * risen("todo_api_stream_lag_seconds_count")
        for events in streams:
            events.answer.close()
        until(lambda: scrape(metered).get("todo_api_streams") == 0)
        count = f'todo_api_request_seconds_count{{method="GET",route="{ROUTE}"}}'
        until(lambda: risen(count) == 4)
        seconds = risen(f'todo_api_request_seconds_sum{{method="GET",route="{ROUTE}"}}')
        assert seconds < 4 * 1.5, "each was open for longer, and was answered sooner"


def test_a_wait_for_changes_is_not_a_latency(metered: Service) -> None:
    """Its line says how long it waited, and `ms` is the whole time."""
    route = "/api/{user_id}/changes"
    with somebody(metered, fresh_user("ann")) as ann:
        cursor = ann.get("changes").json()["cursor"]
        before = scrape(metered)
        answer = ann.get("changes", params={"cursor": cursor, "wait": 2})
        line = line_of(metered, answer.headers["x-request-id"])
        assert 1900 < line["wait_ms"] < line["ms"]
        assert "wait_ms" not in line_of(metered, ann.get("changes").headers["x-request-id"])

        def risen(name: str) -> float:
            sample = f'todo_api_request_seconds_{name}{{method="GET",route="{route}"}}'
            return scrape(metered).get(sample, 0) - before.get(sample, 0)

        until(lambda: risen("count") >= 2)
        assert risen("sum") < 1


def worker_memory(service: Service) -> float:
    """Kilobytes of all workers that no other process shares."""
    workers = psutil.Process(service.process.pid).children()
    return float(sum(worker.memory_full_info().uss for worker in workers)) / 1000


def test_an_idle_stream_is_small_and_its_memory_is_used_again(metered: Service) -> None:
    """benchmarks/hostile/idle_streams.py measures 10,000."""
    users = [fresh_user("ann") for _ in range(40)]

    def opened() -> list[socket.socket]:
        clients = []
        for user in users:
            head = f"GET /api/{user}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token(user)}\r\n\r\n"
            for _ in range(10):
                client = socket.create_connection(("127.0.0.1", metered.port))
                client.settimeout(30)
                client.sendall(head.encode())
                clients.append(client)
        for client in clients:
            told = b""
            while b"event: ready" not in told:
                told += client.recv(65536)
        return clients

    def close(clients: list[socket.socket]) -> None:
        for client in clients:
            client.close()
        until(lambda: scrape(metered).get("todo_api_streams") == 0)

    close(opened())
    before = worker_memory(metered)
    clients = opened()
    each = (worker_memory(metered) - before) / len(clients)
    assert each < KILOBYTES_OF_A_STREAM, each
    close(clients)
    for _ in range(3):
        close(opened())
    assert worker_memory(metered) - before < len(clients) * KILOBYTES_OF_A_STREAM / 2
