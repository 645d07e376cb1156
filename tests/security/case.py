"""A hostile request with its answer, and short ways to write several of a group."""

from typing import NamedTuple

from tests.support.raw import request

TASK = b'{"title": "a"}'


class Case(NamedTuple):
    group: str
    name: str
    data: bytes
    answers: tuple[int, ...]
    """Statuses of all answers on the connection, in order. Empty: the connection is closed without an answer."""
    ends: bool = False
    """The client closes its side of the connection after the request."""


def posts(group: str, **cases: tuple[bytes, int]) -> list[Case]:
    return [
        Case(group, name.replace("_", " "), request(b"POST", body=body), (status,))
        for name, (body, status) in cases.items()
    ]


def gets(group: str, status: int, **targets: bytes) -> list[Case]:
    return [Case(group, name.replace("_", " "), request(b"GET", target), (status,)) for name, target in targets.items()]


def lines(group: str, status: int, **lines: bytes) -> list[Case]:
    return [
        Case(group, name.replace("_", " "), request(b"POST", None, line, body=TASK), (status,))
        for name, line in lines.items()
    ]
