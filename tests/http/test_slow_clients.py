"""Slow and silent clients are disconnected, and no other client waits for them."""

import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.support.client import Person
from tests.support.raw import Exchange, exchange, request, statuses_in
from tests.support.service import Service
from todo_api.errors import BODY_SECONDS

HALF_A_BODY = request(b"POST", None, b"Content-Length: 100", body=b'{"title":')
HALF_A_CHUNK = request(b"POST", None, b"Transfer-Encoding: chunked", body=b"50\r\n{")
NO_BODY = request(b"POST", None, b"Content-Length: 100", b"Expect: 100-continue", body=b"")
HEADER_SECONDS = 5
MANY = 1500
"""More connections than Granian handles at once by default."""


def drip(port: int) -> Exchange:
    """Sends one byte now and then, which would restart a timeout of single reads."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(HALF_A_BODY)
        received = b""
        while time.monotonic() - began < 2 * BODY_SECONDS:
            connection.settimeout(0.5)
            try:
                part = connection.recv(65536)
            except TimeoutError:
                connection.sendall(b" ")
                continue
            received += part
            if not part:
                break
        return Exchange(statuses_in(received), received, closed=True, seconds=time.monotonic() - began)


def test_slow_senders_are_disconnected_and_nobody_waits_for_them(service: Service, ann: Person) -> None:
    with ThreadPoolExecutor(64) as clients:
        silent = [clients.submit(exchange, service.port, data) for data in (HALF_A_BODY, HALF_A_CHUNK, NO_BODY) * 10]
        dripping = [clients.submit(drip, service.port) for _ in range(10)]
        headers = [
            clients.submit(exchange, service.port, data)
            for data in (b"", b"GET /health HTT", b"GET /health HTTP/1.1\r\nHost: a\r\nX: ") * 5
        ]
        idle = clients.submit(exchange, service.port, request(b"GET", b"/health", close=False))
        time.sleep(1)
        began = time.monotonic()
        ann.creates()
        assert time.monotonic() - began < HEADER_SECONDS
        for sender in (*silent, *dripping):
            done = sender.result()
            assert done.closed
            assert [status for status in done.statuses if status != 100] == [408], done.received
            assert b'"code":"slow_body"' in done.received
            assert BODY_SECONDS - 1 < done.seconds < BODY_SECONDS + 8
        for half in headers:
            assert (half.result().statuses, half.result().closed) == ([], True)
            assert HEADER_SECONDS - 1 < half.result().seconds < HEADER_SECONDS + 8
        assert idle.result().statuses == [200]
        assert idle.result().closed


def test_many_that_never_finish_their_headers_are_not_waited_for(service: Service, ann: Person) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 2 * MANY), hard), hard))
    with ExitStack() as connections:
        for _ in range(MANY):
            connection = socket.create_connection(("127.0.0.1", service.port), timeout=20)
            connections.enter_context(connection)
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n")
        began = time.monotonic()
        ann.creates()
        assert time.monotonic() - began < HEADER_SECONDS - 1
