"""Streams under writes, restarts and cut connections: each client must end with what the database has.

.venv/bin/python -m benchmarks.chaos.streams [USERS] [STREAMS] [RESTARTS] [SECONDS]

Two instances with two workers each. RESTARTS restarts of an instance (SIGTERM) and as many cut connections are spread
over SECONDS. Then it measures, without restarts, the seconds from the answer to a write until its event, on one
instance with one worker, and between two instances.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.measure.streams import Copy, Lags, percentile
from tests.support.client import fresh_user, token_for
from tests.support.postgres import own_postgres
from tests.support.service import Service

_WRITES_A_SECOND = 60


async def write(http: httpx.AsyncClient, base: str, user: str, lags: Lags | None = None) -> bool:
    headers = {"Authorization": f"Bearer {token_for(user)}"}
    url = f"{base}/api/{user}/tasks"
    try:
        answer = await http.post(url, json={"title": f"{time.time()}"}, headers=headers)
        kind = random.random()
        if answer.status_code == 201 and kind < 0.3:
            answer = await http.delete(f"{url}/{answer.json()['id']}", headers=headers)
        elif answer.status_code == 201 and kind < 0.6:
            answer = await http.patch(f"{url}/{answer.json()['id']}/complete", headers=headers)
    except httpx.TransportError:
        return False
    if lags is not None and "change-id" in answer.headers:
        lags.wrote(user, int(answer.headers["change-id"]))
    return answer.is_success


async def held(http: httpx.AsyncClient, base: str, user: str) -> dict[str, object]:
    tasks: dict[str, object] = {}
    query = "?limit=500"
    while True:
        headers = {"Authorization": f"Bearer {token_for(user)}"}
        page = (await http.get(f"{base}/api/{user}/changes{query}", headers=headers)).json()
        tasks |= {each["task"]["id"]: each["task"] for each in page["changes"] if each["kind"] == "task"}
        if not page["has_more"]:
            return tasks
        query = f"?limit=500&cursor={page['cursor']}"


async def chaos(services: list[Service], restart: object, sizes: tuple[int, int, int, float]) -> None:
    users, streams, restarts, seconds = sizes
    ports = [service.port for service in services]
    people = [fresh_user("ann") for _ in range(users)]
    copies = [Copy(user, ports) for user in people for _ in range(streams)]
    following = [asyncio.create_task(copy.run()) for copy in copies]
    while any(not copy.opened for copy in copies):  # noqa: ASYNC110 - a copy sets no event
        await asyncio.sleep(0.1)
    end = time.monotonic() + seconds
    good = bad = 0

    async def writer(http: httpx.AsyncClient) -> None:
        nonlocal good, bad
        while time.monotonic() < end:
            done = await write(http, random.choice(services).url, random.choice(people))
            good, bad = good + done, bad + (not done)
            await asyncio.sleep(random.uniform(0, 8 * 2 / _WRITES_A_SECOND))

    async def disturb() -> None:
        for number in range(restarts):
            await asyncio.sleep(max(0.0, (end - time.monotonic()) / (restarts - number + 1) - 1))
            random.choice(copies).cut()
            await asyncio.to_thread(restart, number % 2)  # type: ignore[arg-type]

    async with httpx.AsyncClient(timeout=20) as http:
        await asyncio.gather(disturb(), *(writer(http) for _ in range(8)))
        deadline = time.monotonic() + 40
        unequal = len(copies)
        wanted = {user: await held(http, services[0].url, user) for user in people}
        while unequal and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            unequal = sum(copy.tasks != wanted[copy.user] for copy in copies)
    for task in following:
        task.cancel()
    ends = [code for copy in copies for code in copy.ends]
    print(f"{users} users, {streams} streams each, {restarts} restarts, {restarts} cut connections, {seconds:.0f} s")
    print(f"writes: {good} done, {bad} failed in a restart; events: {sum(copy.events for copy in copies)}")
    print(
        f"streams opened: {sum(copy.opened for copy in copies)}; ended: { ({code: ends.count(code) for code in ends}) }"
    )
    print(
        f"clients not equal to the database: {unequal}; tasks of another user: {sum(copy.foreign for copy in copies)}"
    )


async def latency(name: str, reads: Service, writes: Service, users: int = 50) -> None:
    people = [fresh_user("ann") for _ in range(users)]
    lags = Lags()
    copies = [Copy(user, [reads.port]) for user in people]
    for copy in copies:
        copy.seen = lags.seen
    following = [asyncio.create_task(copy.run()) for copy in copies]
    while any(not copy.opened for copy in copies):  # noqa: ASYNC110 - a copy sets no event
        await asyncio.sleep(0.1)
    async with httpx.AsyncClient(timeout=20) as http:
        for number in range(300):
            await write(http, writes.url, people[number % users], lags)
            await asyncio.sleep(0.02)
        await asyncio.sleep(2)
    for task in following:
        task.cancel()
    p50, p95 = (percentile(lags.same, part) * 1000 for part in (0.5, 0.95))
    print(f"{name}: {len(lags.same)} events, p50 {p50:.0f} ms, p95 {p95:.0f} ms")


def main() -> None:
    arguments = [float(argument) for argument in sys.argv[1:]] + [200, 5, 30, 240][len(sys.argv) - 1 :]
    users, streams, restarts, seconds = arguments
    with own_postgres() as postgres, tempfile.TemporaryDirectory() as directory:
        settings = {"DATABASE_URL": postgres.url, "WEB_CONCURRENCY": "2", "DRAIN_SECONDS": "0", "LOG_LEVEL": "WARNING"}
        homes = [Path(directory, name) for name in "ab"]
        for home in homes:
            home.mkdir()
        services = [Service(home, settings) for home in homes]

        def restart(number: int) -> None:
            services[number].stop()
            services[number] = Service(homes[number], settings | {"PORT": str(services[number].port)})
            services[number].wait_until_it_answers()

        try:
            for service in services:
                service.wait_until_it_answers()
            asyncio.run(chaos(services, restart, (int(users), int(streams), int(restarts), seconds)))
            for service in services:
                service.stop()
            services = [Service(home, settings | {"WEB_CONCURRENCY": "1"}) for home in homes]
            for service in services:
                service.wait_until_it_answers()
            asyncio.run(latency("written on the same worker", services[0], services[0]))
            asyncio.run(latency("written through another instance", services[0], services[1]))
        finally:
            for service in services:
                service.stop()


if __name__ == "__main__":
    main()
