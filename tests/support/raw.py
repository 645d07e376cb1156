"""Requests as bytes, since a client library would correct them."""

import re
import socket
import time
from typing import NamedTuple

from tests.support.client import fresh_user, token_for

USER = fresh_user("hostile")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


class Exchange(NamedTuple):
    statuses: list[int]
    received: bytes
    closed: bool
    """True if the service closed the connection before the timeout."""
    seconds: float

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Headers of the last answer."""
        start = [match.start() for match in _STATUS.finditer(self.received)][-1]
        lines = self.received[start:].split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def request(
    method: bytes = b"GET",
    target: bytes | None = None,
    *lines: bytes,
    body: bytes | None = None,
    host: bytes | None = b"Host: api.example\r\n",
    token: bool = True,
    version: bytes = b"HTTP/1.1",
    close: bool = True,
) -> bytes:
    """One request. With `body` it has a correct Content-Length and a JSON Content-Type, unless in `lines`."""
    target = f"/api/{USER}/tasks".encode() if target is None else target
    head = b"%s %s %s\r\n" % (method, target, version)
    head += host or b""
    head += f"Authorization: Bearer {token_for(USER)}\r\n".encode() if token else b""
    head += b"Connection: close\r\n" if close else b""
    own = b"".join(line + b"\r\n" for line in lines)
    if body is not None:
        if b"content-type:" not in own.lower():
            head += b"Content-Type: application/json\r\n"
        if b"content-length:" not in own.lower() and b"transfer-encoding:" not in own.lower():
            head += b"Content-Length: %d\r\n" % len(body)
    return head + own + b"\r\n" + (body or b"")


def statuses_in(received: bytes) -> list[int]:
    return [int(status) for status in _STATUS.findall(received)]


def exchange(port: int, data: bytes, *, half_close: bool = False, seconds: float = 20) -> Exchange:
    """Sends `data`, then reads until the service closes the connection.

    `half_close` closes the sending side: then the server drops unanswered requests, except those with a broken body.
    """
    began = time.monotonic()
    received, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                received += part
            closed = True
        except (ConnectionResetError, BrokenPipeError):
            closed = True
        except TimeoutError:
            closed = False
    return Exchange(statuses_in(received), received, closed, time.monotonic() - began)
