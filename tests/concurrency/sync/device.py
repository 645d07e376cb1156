"""A device of a user: it keeps a copy of the tasks, and an outbox of writes that are not answered yet."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import urlencode
from uuid import uuid4

from tests.concurrency.sync.asgi import Answer
from tests.concurrency.sync.ledger import Ledger, Write
from tests.concurrency.sync.user import User
from tests.support.client import Json

Fault = Literal["none", "request lost", "answer lost", "late", "twice"]


@dataclass
class Copy:
    """The tasks that pages contained. The cursor is kept together with them."""

    cursor: str | None = None
    change_id: int = 0
    tasks: dict[str, Json] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    """The versions of deletions."""

    def clone(self) -> Self:
        return type(self)(self.cursor, self.change_id, dict(self.tasks), dict(self.gone))


class Device:
    def __init__(self, user: User, replica: int) -> None:
        self.user = user
        self.replica = replica
        self.online = True
        self.copy = Copy()
        self.stored = Copy()
        """The copy as it is on the device's disk."""
        self.outbox: list[Write] = []
        self.own: list[str] = []
        """Ids of tasks that this device created."""
        self.removed: set[str] = set()
        """Ids of tasks that this device knows to be deleted."""
        self.change_id = 0
        """Of its last write that was answered."""
        self.wait = 0
        """Seconds that the service may wait for a change."""

    # Writes

    def choose(self, which: int) -> str | None:
        """The id of a task that the device knows."""
        known = sorted({*self.copy.tasks, *self.own} - self.removed)
        return known[which % len(known)] if known else None

    def write(self, method: str, path: str, headers: dict[str, str], body: Any) -> None:
        self.user.writes += 1
        if method == "POST":
            self.user.creates.append(self.user.writes)
        self.outbox.append(Write(self.user.writes, method, path, headers, body))

    def create(self, kind: Literal["key", "id", "both"], body: Json) -> None:
        number = self.user.writes + 1
        headers = {} if kind == "id" else {"idempotency-key": f"key-{number}"}
        if kind != "key":
            new_id = str(uuid4())
            self.own.append(new_id)
            body = {**body, "id": new_id}
        self.write("POST", "tasks", headers, body)

    def change(self, method: str, which: int, body: Any, *, guarded: bool) -> None:
        if task_id := self.choose(which):
            known = self.copy.tasks.get(task_id)
            headers = {"if-match": f'"{known["version"]}"'} if guarded and known else {}
            self.write(method, f"tasks/{task_id}", headers, body)

    def revive(self, which: int) -> None:
        """A create with the id of a task that exists, or existed."""
        known = sorted({*self.copy.tasks, *self.copy.gone})
        if known:
            self.write("POST", "tasks", {}, {"title": "revived", "id": known[which % len(known)]})
            self.user.creates.pop()

    async def flush(self, fault: Fault = "none") -> None:
        """Sends the outbox in order, as long as there are answers. The fault is that of the first request."""
        while self.outbox and self.online:
            write = self.outbox[0]
            answer = await self._send(write, fault)
            fault = "none"
            if answer is None or answer.status == 503:
                return
            self.outbox.pop(0)
            if answer.change_id is not None:
                assert answer.change_id > self.change_id, "the Change-Ids of a client do not rise"
                self.change_id = answer.change_id
            if answer.status in (204, 404):
                self.removed.add(write.task_id)
            if answer.status == 201 and answer.json["id"] not in self.own:
                self.own.append(answer.json["id"])
            if answer.status == 412:
                self._resolve(write, answer.json)

    async def _send(self, write: Write, fault: Fault) -> Answer | None:
        deliver = self.user.deliver
        match fault:
            case "request lost":
                return None
            case "answer lost":
                await deliver(self.replica, write)
                return None
            case "late":
                self.user.late.add(asyncio.create_task(deliver(self.replica, write)))
                await asyncio.sleep(0)
                return None
            case "twice":
                first, _ = await asyncio.gather(deliver(self.replica, write), deliver(self.replica + 1, write))
                return first
            case _:
                return await deliver(self.replica, write)

    def _resolve(self, write: Write, refusal: Json) -> None:
        """A change of other fields is sent again for the new version. Otherwise the other device wins."""
        if write.method == "PATCH" and not set(write.body) & set(refusal["changed"]):
            headers = {"if-match": f'"{refusal["current"]["version"]}"'}
            self.outbox.insert(0, write._replace(headers=headers))

    # Reads

    async def sync(self, limit: int, *, pages: int, store: bool, fault: Fault = "none") -> bool:
        """Reads up to `pages` pages. True: the copy is complete."""
        for _ in range(pages):
            if not self.online or (more := await self._read_page(limit, fault)) is None:
                return False
            if store:
                self.stored = self.copy.clone()
            if not more:
                self.user.ledger.copies.append(
                    (self.copy.change_id, {task["id"]: task["version"] for task in self.copy.tasks.values()})
                )
                return True
        return False

    async def _read_page(self, limit: int, fault: Fault) -> bool | None:
        """`has_more`. None: no page was read."""
        query = {"limit": limit, "wait": self.wait} | ({} if self.copy.cursor is None else {"cursor": self.copy.cursor})
        ledger, newest = self.user.ledger, self.user.ledger.newest
        if fault == "request lost":
            return None
        answer = await self.user.call(self.replica, "GET", f"changes?{urlencode(query)}", {})
        if fault not in ("none", "twice"):
            return None
        match answer.status:
            case 200:
                page = answer.json
                self._check_page(page, limit)
                if not page["has_more"]:
                    assert page["change_id"] >= newest, "an acknowledged write is missing"
                for change in page["changes"]:
                    self._apply(change, ledger)
                self.copy.cursor, self.copy.change_id = page["cursor"], page["change_id"]
                return bool(page["has_more"])
            case 410:
                assert answer.json["code"] == "cursor_expired"
                assert self.copy.cursor is not None, "410 without a cursor"
                self.copy = Copy()
                return True
            case status:
                assert status == 503, answer
                return None

    def _check_page(self, page: Json, limit: int) -> None:
        ids = [change.get("id") or change["task"]["id"] for change in page["changes"]]
        assert len(ids) == len(set(ids)), "a task is twice on a page"
        assert len(ids) == limit if page["has_more"] else len(ids) <= limit
        assert page["change_id"] >= self.copy.change_id, "the change_id of a page went back"
        assert page["cursor"] != self.copy.cursor or not page["has_more"], "the cursor of a page does not lead on"

    def _apply(self, change: Json, ledger: Ledger) -> None:
        tasks, gone = self.copy.tasks, self.copy.gone
        if change["kind"] == "task":
            task = change["task"]
            ledger.see(task)
            known = tasks[task["id"]]["version"] if task["id"] in tasks else gone.pop(task["id"], 0) + 1
            assert task["version"] >= known, "a version went back"
            tasks[task["id"]] = task
        else:
            known = tasks.pop(change["id"])["version"] if change["id"] in tasks else 0
            assert change["version"] > known, "a deletion is older than the task"
            gone[change["id"]] = change["version"]

    def crash(self, *, everything: bool) -> None:
        """The device restarts with what it stored. `everything`: it lost that, too."""
        if everything:
            self.stored, self.own, self.removed = Copy(), [], set()
            self.outbox.clear()
        self.copy = self.stored.clone()
