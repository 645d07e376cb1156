"""The requests of the comparison, encoded before the run: for `SAMPLE` of the seeded users, in a fixed random order."""

import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import httpx
from msgspec import Struct

from benchmarks.compare.client import MakeRequest, request
from benchmarks.compare.services import BEFORE, NAMES, SECRET, Contender
from todo_api.auth.tokens import development_token
from todo_api.cli.seed import rows_of, seed_user

USERS: Final = 1000
TASKS: Final = 200
SAMPLE: Final = 500
"""Users who send requests. Half of all, so that tokens are repeated."""
_REQUESTS: Final = 2000
_KNOWN: Final = 300
_CREATE: Final = (
    b'{"title":"Buy milk and bread","description":"Two litres","priority":"High","tags":["home","shopping"]}'
)


class Operation(Struct, frozen=True):
    name: str
    status: int
    """The status that every answer must have."""
    requests: Callable[[Contender], MakeRequest]
    asked: frozenset[str] = frozenset({*NAMES, BEFORE})


@cache
def token(number: int) -> str:
    return development_token(seed_user(number, 1), SECRET.encode(), None, None, 86400)


@cache
def _ids(number: int) -> list[str]:
    return [str(row.id) for row in rows_of(number, TASKS, 1)]


def _made(method: str, path: str, bodies: Sequence[bytes] = (b"",)) -> Callable[[Contender], MakeRequest]:
    chance = random.Random(1)
    requests = []
    for at in range(_REQUESTS):
        number = chance.randrange(SAMPLE)
        target = path.format(user=seed_user(number, 1), id=chance.choice(_ids(number)))
        requests.append(request(method, target, token(number), bodies[at % len(bodies)]))
    return lambda _: lambda number: requests[number % len(requests)]


def _known(path: str) -> Callable[[Contender], MakeRequest]:
    """Requests with the present ETag, which is read first."""

    def make(who: Contender) -> MakeRequest:
        chance = random.Random(2)
        requests = []
        with httpx.Client(base_url=who.url) as client:
            for _ in range(_KNOWN):
                number = chance.randrange(SAMPLE)
                target = path.format(user=seed_user(number, 1), id=chance.choice(_ids(number)))
                tag = client.get(target, headers={"Authorization": f"Bearer {token(number)}"}).headers["etag"]
                requests.append(request("GET", target, token(number), If_None_Match=tag))
        return lambda number: requests[number % len(requests)]

    return make


def _read_all(who: Contender) -> MakeRequest:
    """Requests for the changes since the present cursor, which is read first: there are none."""
    requests = []
    with httpx.Client(base_url=who.url) as client:
        for number in range(_KNOWN):
            path, headers = f"/api/{seed_user(number, 1)}/changes", {"Authorization": f"Bearer {token(number)}"}
            page = client.get(path, headers=headers).json()
            while page["has_more"]:
                page = client.get(path, params={"cursor": page["cursor"], "limit": 500}, headers=headers).json()
            requests.append(request("GET", f"{path}?cursor={page['cursor']}", token(number)))
    return lambda number: requests[number % len(requests)]


def operations() -> list[Operation]:
    changes = [f'{{"title":"Changed {n}","tags":["home","t{n % 7}"]}}'.encode() for n in range(_REQUESTS)]
    one = "/api/{user}/tasks/{id}"
    return [
        Operation("list of 50", 200, _made("GET", "/api/{user}/tasks")),
        Operation("304 for a list", 304, _known("/api/{user}/tasks"), frozenset({"service", BEFORE})),
        Operation("get", 200, _made("GET", one)),
        Operation("304 for a task", 304, _known(one), frozenset({"service", BEFORE})),
        Operation("empty changes", 200, _read_all, frozenset({"service"})),
        Operation("create with two tags", 201, _made("POST", "/api/{user}/tasks", [_CREATE])),
        Operation("update", 200, _made("PATCH", one, changes)),
        Operation("toggle", 200, _made("PATCH", f"{one}/complete")),
        Operation("tags", 200, _made("GET", "/api/{user}/tags")),
        # The floor does not check tokens, so it cannot answer 403.
        Operation("403", 403, _made("GET", "/api/another/tasks"), frozenset({*NAMES, BEFORE}) - {"floor"}),
    ]


def check_alike(contenders: Sequence[Contender]) -> None:
    """Checks that all give the same answers, except instants and cursors.

    Raises:
        RuntimeError: two answers differ.
    """
    headers = {"Authorization": f"Bearer {token(0)}"}
    for path in ("tasks", f"tasks/{_ids(0)[0]}", "tags"):
        answers = {
            who.name: _comparable(httpx.get(f"{who.url}/api/{seed_user(0, 1)}/{path}", headers=headers).json())
            for who in contenders
        }
        if len({json.dumps(answer, sort_keys=True) for answer in answers.values()}) > 1:
            raise RuntimeError(f"{path} is not answered alike: {answers}")


def _comparable(answer: Any) -> Any:
    match answer:
        case dict():
            return {key: _comparable(value) for key, value in answer.items() if not key.endswith(("_at", "_cursor"))}
        case list():
            return [_comparable(each) for each in answer]
        case _:
            return answer
