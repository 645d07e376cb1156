"""Thousands of malformed requests over raw sockets: a short run in the tests, a long one in benchmarks/hostile."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from tests.security.cases import CASES, TASKS, chunks
from tests.support.raw import request, statuses_in

SECONDS = 25
"""Longer than every timeout of the service: a connection that is open for so long hangs."""
_CLIENTS = 96
_PATIENCE = 0.2
"""Seconds without an answer until a client closes its sending side."""
_BYTES = bytes(range(256))
_WORDS = (
    b"\r\n", b"\n", b"\x00", b" ", b":", b"%00", b"%ff", b"\xff", b"..", b"//", b"{", b"[", b'"', b"\\ud800",
    b"0" * 99,
)  # fmt: skip
_METHODS = (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"PROPFIND", b"")
_PATHS = (
    TASKS, TASKS + b"/0181aefe-146f-4b19-a3ec-609834ef357b", TASKS[:-5] + b"tags", b"/health", b"/docs", b"*", b"/",
)  # fmt: skip
_VALUES = (
    b"null", b"true", b"-1", b"1e999", b'""', b'"a"', b"[]", b"{}", b'["a",null]', b'"\\u0000"', b'"\xff"',
    b"9" * 400,
)  # fmt: skip
_FIELDS = (
    b"title", b"description", b"completed", b"priority", b"due_date", b"tags", b"user_id", b"version", b"\\u0000",
    b"",
)  # fmt: skip


def _noise(chance: random.Random, most: int = 60) -> bytes:
    return bytes(chance.choices(_BYTES, k=chance.randint(1, most)))


def _legal(chance: random.Random) -> bytes:
    """Noise that HTTP allows: without control characters, or percent-encoded."""
    noise = _noise(chance)
    return quote_from_bytes(noise).encode() if chance.random() < 0.5 else bytes(b for b in noise if 32 < b < 127)


def _random_bytes(chance: random.Random) -> bytes:
    return _noise(chance, 400)


def _mutated(chance: random.Random) -> bytes:
    """A request of the table of cases, with some bytes deleted, doubled, replaced or put in."""
    data = bytearray(chance.choice(CASES).data[:4000])
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                del data[at : at + chance.randint(1, 20)]
            case 1:
                data[at:at] = data[at : at + chance.randint(1, 40)]
            case 2:
                data[at:at] = chance.choice(_WORDS)
            case _:
                data[at : at + 1] = _noise(chance, 3)
        data = data or bytearray(b"G")
    return bytes(data)


def _cut_short(chance: random.Random) -> bytes:
    data = chance.choice(CASES).data[:4000]
    return data[: chance.randrange(1, len(data))]


def _request_line(chance: random.Random) -> bytes:
    target = chance.choice(_PATHS) + chance.choice((b"", b"?", b"/", b"#"))
    target += _legal(chance) if chance.random() < 0.8 else _noise(chance).replace(b"\n", b"")
    return request(chance.choice(_METHODS), target, version=chance.choice((b"HTTP/1.1", b"HTTP/1.0", b"HTTP/3", b"")))


def _header_lines(chance: random.Random) -> bytes:
    names = (
        b"Content-Length Transfer-Encoding Host Authorization Content-Type Origin X-Request-ID Expect Connection "
        b"Upgrade Access-Control-Request-Method If-Match Range Cookie X"
    ).split()
    values = b"chunked -1 99999999999999999999 Bearer Bearer\ta.b.c 100-continue * null ,".split(b" ")
    lines = [
        chance.choice(names)
        + chance.choice((b": ", b": ", b":", b" : ", b""))
        + (chance.choice(values) + _legal(chance) * chance.randint(0, 1))
        for _ in range(chance.randint(1, 6))
    ]
    return request(chance.choice(_METHODS), chance.choice(_PATHS), *lines, body=chance.choice((None, b"{}")))


def _chunked(chance: random.Random) -> bytes:
    body = bytearray(chunks(b'{"title": "a"', b', "tags": []', b"}"))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body))
        body[at : at + chance.randint(0, 3)] = chance.choice((_noise(chance, 4), *_WORDS))
    return request(chance.choice(_METHODS), chance.choice(_PATHS), b"Transfer-Encoding: chunked", body=bytes(body))


def _bodies(chance: random.Random) -> bytes:
    fields = [
        b'"%s": %s' % (chance.choice(_FIELDS), chance.choice((*_VALUES, b'"' + _noise(chance) + b'"')))
        for _ in range(chance.randint(0, 6))
    ]
    body = b"{" + b", ".join(fields) + chance.choice((b"}", b"}", b"", b",}", b"}}"))
    method, target = chance.choice(
        ((b"POST", _PATHS[0]), (b"PUT", _PATHS[1]), (b"PATCH", _PATHS[1]), (b"PATCH", _PATHS[1] + b"/complete"))
    )
    return request(method, target, body=body)


def _queries(chance: random.Random) -> bytes:
    names = (
        b"limit",
        b"offset",
        b"search",
        b"status",
        b"priority",
        b"tags",
        b"tags[]",
        b"sort_by",
        b"cursor",
        b"due_from",
        b"has_due_date",
        b"completed_to",
        b"x",
    )
    values = (
        *_WORDS[5:],
        b"1",
        b"-1",
        b"9" * 30,
        b"%D9%A3",
        b"a%00b",
        b"%",
        b"%zz",
        b"'",
        b"\\",
        b"2026-02-30",
        b"true",
    )
    pairs = [chance.choice(names) + b"=" + chance.choice(values) for _ in range(chance.randint(1, 6))]
    return request(chance.choice((b"GET", b"HEAD", b"OPTIONS")), chance.choice(_PATHS[:3]) + b"?" + b"&".join(pairs))


def _tokens(chance: random.Random) -> bytes:
    parts = [bytes(chance.choices(b"AZaz09_-=.+/\xff", k=chance.randint(0, 80))) for _ in range(chance.randint(0, 5))]
    scheme = chance.choice((b"Bearer ", b"bearer  ", b"Basic ", b"", b"Bearer"))
    return request(chance.choice(_METHODS), None, b"Authorization: " + scheme + b".".join(parts), token=False)


KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "random bytes": _random_bytes,
    "mutated requests": _mutated,
    "requests cut short": _cut_short,
    "request lines": _request_line,
    "header lines": _header_lines,
    "broken chunks": _chunked,
    "JSON bodies": _bodies,
    "query strings": _queries,
    "tokens": _tokens,
}


class Outcome(NamedTuple):
    answers: dict[str, Counter[int]]
    """By kind; 0 for a connection closed without an answer."""
    hangs: list[bytes]
    errors: list[bytes]
    """Requests that were answered with 5xx."""
    sent: int


async def _exchange(port: int, data: bytes) -> tuple[list[int], bool]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received, hung = b"", False
    try:
        async with asyncio.timeout(SECONDS):
            writer.write(data)
            await writer.drain()
            reading = asyncio.create_task(reader.read(65536))
            await asyncio.wait([reading], timeout=_PATIENCE)
            if not reading.done():
                writer.write_eof()
            while part := await reading:
                received += part
                reading = asyncio.create_task(reader.read(65536))
    except TimeoutError:
        hung = True
    except OSError:
        received += b""  # the service closed first, with some of the request unread
    writer.close()
    return statuses_in(received), hung


async def fuzz(port: int, requests: int, seed: int) -> Outcome:
    """Sends `requests` requests, equally many of each kind, and reads each connection to its end."""
    outcome = Outcome({kind: Counter() for kind in KINDS}, [], [], requests)
    kinds = list(KINDS)

    async def client(number: int) -> None:
        for at in range(number, requests, _CLIENTS):
            kind = kinds[at % len(kinds)]
            data = KINDS[kind](random.Random(f"{seed} {at}"))
            statuses, hung = await _exchange(port, data)
            outcome.answers[kind].update(statuses or [0])
            if hung:
                outcome.hangs.append(data)
            if any(status >= 500 for status in statuses):
                outcome.errors.append(data)

    async with asyncio.TaskGroup() as clients:
        for number in range(_CLIENTS):
            clients.create_task(client(number))
    return outcome
