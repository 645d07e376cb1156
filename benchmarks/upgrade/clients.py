"""The requests of each kind of client, in turns. Each answer is checked at once."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections import Counter
from itertools import count
from typing import Any, Final
from uuid import uuid4

from benchmarks.compare.services import SECRET
from benchmarks.upgrade.client import Answer, Balancer, Connection
from tests.support.client import Json
from tests.support.ledger import Ledger, Write
from todo_api.auth.tokens import development_token

_TAGS: Final = ("garden", "home", "shopping", "work", "später", "дом")
_NUMBERS: Final = count(1)
_TOKEN_SECONDS: Final = 7200


class Client:
    """One client of one user. `known`: the user's tasks by id, as this client knows them."""

    def __init__(self, balancer: Balancer, ledger: Ledger, user: str, known: dict[str, Json]) -> None:
        self.user = user
        self.known = known
        self.ledger = ledger
        self.number = next(_NUMBERS)
        self.chance = random.Random(self.number)
        token = development_token(user, SECRET.encode(), None, None, _TOKEN_SECONDS)
        self.connection = Connection(balancer, token, self.chance)
        self._turns = 0

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.connection.send(method, f"/api/{self.user}/{path}", body, **headers)

    def close(self) -> None:
        self.connection.close()

    def expect(self, holds: bool, otherwise: str) -> bool:  # noqa: FBT001 - as in `assert holds, otherwise`
        return self.ledger.expect(holds, otherwise)

    def new_content(self) -> Json:
        """A title and tags that no other write has, so that each write changes something."""
        self._turns += 1
        mark = f"c{self.number}-{self._turns}"
        return {"title": f"Title {mark}", "tags": sorted({*self.chance.sample(_TAGS, self.chance.randrange(4)), mark})}

    async def create(self, *, key: str = "", body: Json | None = None) -> Answer:
        sent = body or {**self.new_content(), "priority": "High", "description": "Äpfel"}
        headers = {"Idempotency_Key": key} if key else {}
        answer = await self.send("POST", "tasks", sent, **headers)
        if answer.status == 201 and "idempotency-replayed" not in answer.headers:
            self._add(answer.body["id"], sent, answer)
        return answer

    async def change(self, task_id: str, sent: Json | None = None, *, version: int = 0) -> Answer:
        """`sent`: None to toggle. `version`: of If-Match."""
        headers = {"If_Match": f'"{version}"'} if version else {}
        path = f"tasks/{task_id}" + ("" if sent else "/complete")
        answer = await self.send("PATCH", path, sent, **headers)
        if answer.status == 200:
            self._add(task_id, sent, answer)
        return answer

    async def delete(self, task_id: str) -> Answer:
        answer = await self.send("DELETE", f"tasks/{task_id}")
        if answer.status == 204:
            self._add(task_id, {}, answer)
        return answer

    def _add(self, task_id: str, sent: Json | None, answer: Answer) -> None:
        change_id = answer.headers.get("change-id")
        number = None if change_id is None else int(change_id)
        self.ledger.writes.append(Write(self.user, task_id, sent, answer.body, answer.replica, number))


class TurnTaker(Client, ABC):
    """A client that sends the next requests of its kind, and checks their answers."""

    @abstractmethod
    async def turn(self) -> None:
        """Sends one or a few requests."""


class Alone(TurnTaker):
    """The only client of its user, so it knows what each read must answer."""

    async def turn(self) -> None:
        task_id = self.chance.choice(list(self.known))
        match self.chance.randrange(12):
            case 0:
                self._keep(await self.create(), 201)
            case 1:
                await self._create_with_key()
            case 2 | 3:
                self._keep(await self.change(task_id, self.new_content()), 200)
            case 4:
                self._keep(await self.change(task_id, {"tags": self.new_content()["tags"]}), 200)
            case 5:
                self._keep(await self.change(task_id), 200)
            case 6:
                version = self.known[task_id]["version"]
                self._keep(await self.change(task_id, self.new_content(), version=version), 200)
            case 7:
                self.expect((await self.delete(task_id)).status == 204, "a deletion was not answered with 204")
                del self.known[task_id]
            case 8 | 9:
                answer = await self.send("GET", f"tasks/{task_id}")
                self.expect((answer.status, answer.body) == (200, self.known[task_id]), "a read is not the last write")
            case 10:
                await self._list()
            case _:
                await self._list_tags()

    def _keep(self, answer: Answer, status: int) -> None:
        self.expect(answer.status == status, f"a write was not answered with {status}")
        if answer.status == status:
            self.known[answer.body["id"]] = answer.body

    async def _create_with_key(self) -> None:
        """The retry may meet the other version."""
        key, body = str(uuid4()), self.new_content()
        first = await self.create(key=key, body=body)
        self._keep(first, 201)
        retry = await self.create(key=key, body=body)
        self.expect(retry.status == 201 and "idempotency-replayed" in retry.headers, "a retry was not a replay")
        self.expect(retry.body == first.body, "a replay differs from the first answer")
        if first.replica == retry.replica:
            same = first.headers.get("change-id") == retry.headers.get("change-id")
            self.expect(same, "a replay has another Change-Id than the first answer")

    async def _list(self) -> None:
        answer = await self.send("GET", "tasks?limit=100")
        if self.expect(answer.status == 200, "a list was not answered with 200"):
            self.expect(answer.body["total"] == len(self.known), "the list counts another number of tasks")
            self.expect(all(self.known.get(task["id"]) == task for task in answer.body["data"]), "a list is not true")

    async def _list_tags(self) -> None:
        answer = await self.send("GET", "tags")
        used = Counter(tag for task in self.known.values() for tag in task["tags"])
        expected = sorted(used.items(), key=lambda item: (-item[1], item[0]))[:1000]
        if self.expect(answer.status == 200, "the tags were not answered with 200"):
            counted = [(tag["name"], tag["usage_count"]) for tag in answer.body]
            self.expect(counted == expected, "the tags are not those of the tasks")


class Together(TurnTaker):
    """One of several clients that change the same tasks of one user."""

    async def turn(self) -> None:
        task_id = self.chance.choice(list(self.known))
        match self.chance.randrange(5):
            case 0:
                self._see(await self.change(task_id), {200})
            case 1:
                version = self.known[task_id]["version"]
                self._see(await self.change(task_id, self.new_content(), version=version), {200, 412})
            case 2:
                self._see(await self.change(task_id, {"tags": self.new_content()["tags"]}), {200})
            case 3:
                self._see(await self.change(task_id, {"title": self.new_content()["title"]}), {200})
            case _:
                self._see(await self.change(task_id, self.new_content()), {200})

    def _see(self, answer: Answer, statuses: set[int]) -> None:
        if self.expect(answer.status in statuses, "a change of a shared task failed"):
            task = answer.body["current"] if answer.status == 412 else answer.body
            if task["version"] > self.known[task["id"]]["version"]:
                self.known[task["id"]] = task


class Racing(TurnTaker):
    """Sends two requests at once that only one may win. The replicas are chosen for each."""

    def __init__(self, balancer: Balancer, ledger: Ledger, user: str, known: dict[str, Json]) -> None:
        super().__init__(balancer, ledger, user, known)
        self.other = Client(balancer, ledger, user, known)

    def close(self) -> None:
        super().close()
        self.other.close()

    async def turn(self) -> None:
        key, body = str(uuid4()), self.new_content()
        answers = await asyncio.gather(self.create(key=key, body=body), self.other.create(key=key, body=body))
        self.expect([answer.status for answer in answers] == [201, 201], "a create with a shared key failed")
        first = [answer for answer in answers if "idempotency-replayed" not in answer.headers]
        self.expect(len(first) == 1, "one key created two tasks, or none")
        self.expect(answers[0].body == answers[1].body, "one key has two answers")
        task = answers[0].body
        changes = await asyncio.gather(
            self.change(task["id"], self.new_content(), version=task["version"]),
            self.other.change(task["id"], self.other.new_content(), version=task["version"]),
        )
        self.expect(sorted(answer.status for answer in changes) == [200, 412], "If-Match let two writes through")
        deletions = await asyncio.gather(self.delete(task["id"]), self.other.delete(task["id"]))
        self.expect(sorted(answer.status for answer in deletions) == [204, 404], "two deletions of one task")
        self.expect((await self.send("GET", f"tasks/{task['id']}")).status == 404, "a deleted task is there")
