"""The clients, running beside the upgrade."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Final

from benchmarks.compare.services import SECRET
from benchmarks.upgrade.client import Balancer, Connection
from benchmarks.upgrade.clients import Alone, Racing, Together, TurnTaker
from tests.support.client import Json
from tests.support.ledger import Ledger
from todo_api.auth.tokens import development_token

_PAUSE_SECONDS: Final = 0.1
"""The longest between two turns of a client."""
_HOT_TASKS: Final = 3


@dataclass
class Sizes:
    """Numbers of clients."""

    alone: int = 24
    together: int = 8
    racing: int = 4

    @property
    def users(self) -> int:
        return self.alone + self.racing + 1


@dataclass
class Load:
    balancer: Balancer
    users: list[str]
    sizes: Sizes
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self._end = False
        self._chance = random.Random(1)

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Reads all tasks of the users, then starts the clients."""
        shared, *others = self.users
        clients: list[TurnTaker] = []
        for number, user in enumerate(others):
            kind = Racing if number < self.sizes.racing else Alone
            clients.append(kind(self.balancer, self.ledger, user, await self._read_all(user)))
        hot = dict(list((await self._read_all(shared)).items())[:_HOT_TASKS])
        clients += [Together(self.balancer, self.ledger, shared, dict(hot)) for _ in range(self.sizes.together)]
        for client in clients:
            group.create_task(self._run(client))

    def end(self) -> None:
        """Ends each client after its turn."""
        self._end = True

    async def _run(self, client: TurnTaker) -> None:
        while not self._end:
            await client.turn()
            await asyncio.sleep(self._chance.uniform(0, _PAUSE_SECONDS))
        client.close()

    async def _read_all(self, user: str) -> dict[str, Json]:
        token = development_token(user, SECRET.encode(), None, None, 60)
        connection = Connection(self.balancer, token, self._chance)
        tasks: dict[str, Json] = {}
        cursor = ""
        while cursor is not None:
            page = await connection.send("GET", f"/api/{user}/tasks?limit=100" + (cursor and f"&cursor={cursor}"))
            tasks |= {task["id"]: task for task in page.body["data"]}
            cursor = page.body["next_cursor"]
        connection.close()
        self.ledger.seeded |= tasks
        return tasks
