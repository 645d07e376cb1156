"""Many events of many users, to find one that arrives at a stream of another user.

.venv/bin/python -m benchmarks.hostile.events_of_others [SECONDS] [USERS]

Each user has ten streams at a service with two workers, and writes batches of 20 creates and deletions.
"""

import asyncio
import random
import sys
import time
from typing import Final

import httpx

from benchmarks.hostile.server import service
from benchmarks.measure.streams import Copy
from tests.support.client import Json, fresh_user, token_for

_STREAMS: Final = 10
_WRITERS: Final = 4
_OPERATIONS: Final = 10
"""Of each kind in a batch."""


async def write(http: httpx.AsyncClient, users: list[str], made: dict[str, list[str]]) -> None:
    user = random.choice(users)
    operations: list[Json] = [{"op": "delete", "id": each} for each in made.pop(user, [])]
    operations += [{"op": "create", "task": {"title": user}} for _ in range(_OPERATIONS)]
    body = {"operations": operations}
    answer = await http.post(f"/api/{user}/batch", json=body, headers={"Authorization": f"Bearer {token_for(user)}"})
    assert answer.status_code == 200, answer.text
    made.setdefault(user, []).extend(each["task"]["id"] for each in answer.json()["results"] if "task" in each)


async def measure(url: str, port: int, seconds: float, users: list[str]) -> None:
    copies = [Copy(user, [port]) for user in users for _ in range(_STREAMS)]
    following = [asyncio.create_task(copy.run()) for copy in copies]
    while any(not copy.opened for copy in copies):  # noqa: ASYNC110 - a copy sets no event
        await asyncio.sleep(0.1)
    end = time.monotonic() + seconds

    async def writer(http: httpx.AsyncClient, mine: list[str]) -> None:
        made: dict[str, list[str]] = {}
        while time.monotonic() < end:
            await write(http, mine, made)

    async with httpx.AsyncClient(base_url=url, timeout=20) as http:
        await asyncio.gather(*(writer(http, users[number::_WRITERS]) for number in range(_WRITERS)))
    await asyncio.sleep(3)
    for task in following:
        task.cancel()
    events, changes = sum(copy.events for copy in copies), sum(copy.changes for copy in copies)
    foreign = sum(copy.foreign for copy in copies)
    print(f"{len(copies)} streams of {len(users)} users, {seconds:.0f} s: {events} events with {changes} changes")
    print(f"tasks of another user: {foreign}")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    users = [fresh_user("ann") for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 40)]
    with service(WEB_CONCURRENCY="2", LOG_LEVEL="WARNING", DRAIN_SECONDS="0") as started:
        asyncio.run(measure(started.url, started.port, seconds, users))


if __name__ == "__main__":
    main()
