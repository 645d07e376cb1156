"""The requests of the comparison with a cluster, encoded before the run, for seeded users in a fixed random order."""

import random
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final
from uuid import uuid4

from msgspec import Struct

from benchmarks.compare.client import MakeRequest, request
from tests.support.client import token_for
from todo_api.cli.seed import rows_of, seed_user

USERS: Final = 400
TASKS: Final = 100
_KEPT: Final = 200
"""Users whose tasks are read and changed. Those of the others are deleted."""
_REQUESTS: Final = 2000
_ONE: Final = "/api/{user}/tasks/{id}"
_ALL: Final = "/api/{user}/tasks"


class Operation(Struct, frozen=True):
    name: str
    status: int
    """The status that every answer must have."""
    make: Callable[[], MakeRequest] | None
    """None: `deletions`, which last for all rounds."""


def _tokens(numbers: range) -> dict[int, str]:
    return {number: token_for(seed_user(number, 1), 86400) for number in numbers}


def _ids(number: int) -> list[str]:
    return [str(row.id) for row in rows_of(number, TASKS, 1)]


def _made(method: str, path: str, *, body: str = "", keyed: bool = False) -> Callable[[], MakeRequest]:
    """`body` may contain `{n}`, a number that is another one for each request."""

    def make() -> MakeRequest:
        chance = random.Random(method + path)
        tokens, ids = _tokens(range(_KEPT)), {number: _ids(number) for number in range(_KEPT)}
        targets = []
        for _ in range(_REQUESTS):
            number = chance.randrange(_KEPT)
            target = path.format(user=seed_user(number, 1), id=chance.choice(ids[number]))
            targets.append((target, tokens[number]))
        run = uuid4().hex[:8]

        def made(at: int) -> bytes:
            target, token = targets[at % _REQUESTS]
            sent = body.replace("{n}", f"{run} {at}").encode()
            return request(method, target, token, sent, **({"Idempotency_Key": uuid4().hex} if keyed else {}))

        return made

    return make


def deletions() -> MakeRequest:
    """Each task of the other users once. `number` is ignored, since the numbers begin again in each run."""
    tokens = _tokens(range(_KEPT, USERS))
    by_user = {number: _ids(number) for number in tokens}

    def all_of_them() -> Iterator[bytes]:
        for at, number in product(range(TASKS), tokens):
            path = _ONE.format(user=seed_user(number, 1), id=by_user[number][at])
            yield request("DELETE", path, tokens[number])

    unused = all_of_them()
    return lambda _: next(unused)


_TAGGED: Final = '"description":"Two litres","priority":"High","tags":["home","shopping"]'
OPERATIONS: Final = (
    Operation("get", 200, _made("GET", _ONE)),
    Operation("list of 50", 200, _made("GET", _ALL)),
    Operation("tags", 200, _made("GET", "/api/{user}/tags")),
    Operation("create", 201, _made("POST", _ALL, body='{"title":"Buy milk {n}"}')),
    Operation("create with two tags", 201, _made("POST", _ALL, body='{"title":"Buy milk {n}",' + _TAGGED + "}")),
    Operation(
        "the same with a key", 201, _made("POST", _ALL, body='{"title":"Buy milk {n}",' + _TAGGED + "}", keyed=True)
    ),
    Operation("update of the title", 200, _made("PATCH", _ONE, body='{"title":"Changed {n}"}')),
    Operation("update of the tags", 200, _made("PATCH", _ONE, body='{"tags":["home","t{n}"]}')),
    Operation("toggle", 200, _made("PATCH", f"{_ONE}/complete")),
    Operation("delete", 204, None),
)
