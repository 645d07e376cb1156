"""A user of several devices: sends their requests, and keeps the ledger of all answers."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from tests.concurrency.sync.asgi import Answer
from tests.concurrency.sync.ledger import Ledger, Write
from tests.support.client import Json, token_for

Send = Callable[[int, str, str, dict[str, str], Any], Awaitable[Answer]]
"""Replica, method, path, headers and body of a request. 503 `outcome_unknown` stands for a lost connection."""


class User:
    """The devices of a user have this in common."""

    def __init__(self, send: Send, user_id: str) -> None:
        self.send = send
        self.user_id = user_id
        self.headers = {"authorization": f"Bearer {token_for(user_id)}"}
        self.ledger = Ledger()
        self.late: set[asyncio.Task[Any]] = set()
        self.writes = 0
        self.creates: list[int] = []
        self.counts: Counter[str] = Counter()
        self.history: list[str] = []
        """All deliveries of writes, for the message of a failure."""

    async def call(self, replica: int, method: str, path: str, headers: dict[str, str], body: Any = None) -> Answer:
        path = f"/api/{self.user_id}/{path}"
        answer = await self.send(replica, method, path, self.headers | headers, body)
        self.counts[f"{method} {answer.status}"] += 1
        return answer

    async def deliver(self, replica: int, write: Write) -> Answer:
        answer = await self.call(replica, write.method, write.path, write.headers, write.body)
        code = answer.json["code"] if answer.status >= 400 else answer.change_id
        self.history.append(
            f"{write.number}: {write.method} {write.path} {write.headers} {write.body} → {answer.status} {code}"
        )
        if write.path.startswith("tags/"):
            self.ledger.retagged(answer)
        else:
            self.ledger.answered(write, answer)
        return answer

    async def settle(self) -> None:
        """Waits for late deliveries."""
        await asyncio.gather(*self.late)
        self.late.clear()

    async def listed(self) -> dict[str, Json]:
        tasks: dict[str, Json] = {}
        query = "limit=100"
        for _ in range(100):
            answer = await self.call(0, "GET", f"tasks?{query}", {})
            if answer.status == 200:
                page = answer.json
                tasks |= {task["id"]: task for task in page["data"]}
                if page["next_cursor"] is None:
                    return tasks
                query = f"limit=100&cursor={page['next_cursor']}"
        raise AssertionError("the list does not end")
