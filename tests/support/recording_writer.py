"""Writers that record which states each task may have after the answers, and compare these with the database."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from tests.support.client import Json, token_for
from todo_api.db.url import connect_arguments

State = tuple[Any, ...]
"""title, completed, tags, version of a task. None stands for a task that does not exist."""
_CONTENT = """
select id::text, user_id, title, completed_at is not null as completed, version,
    array(select tag from task_tags where user_id = tasks.user_id and task_id = tasks.id order by tag) as tags
from tasks where user_id = $1
"""

_LOG = "select revision, task_id::text, op, version from changes where user_id = $1 order by revision"
_HEAD = "select coalesce((select revision from heads where user_id = $1), 0)"
_REVISIONS = "select id::text, revision from tasks where user_id = $1"


def state_of(task: Json) -> State:
    return (task["title"], task["completed"], tuple(task["tags"]), task["version"])


@dataclass
class RecordingWriter:
    """One user, who sends one write at a time."""

    user: str
    seed: int
    tasks: dict[str, set[State | None]] = field(default_factory=dict)
    """Possible states of each task: one after an answer; after a lost answer also the states before the request."""
    perhaps: dict[str, State] = field(default_factory=dict)
    """By title: tasks whose creation was sent and not answered."""
    refused: set[str] = field(default_factory=set)
    """Titles of tasks whose creation was refused, so that they must not exist."""
    changes: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    """By Change-Id: task, operation and version of the acknowledged writes."""
    wrong: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    turn: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.headers = {"Authorization": f"Bearer {token_for(self.user, 7200)}"}

    async def write(self, http: httpx.AsyncClient) -> bool:
        """Sends one write. True if it was acknowledged."""
        self.turn += 1
        title = f"{self.seed}-{self.turn}"
        tags = tuple(sorted({*self.chance.sample("abcdefgh", self.chance.randint(1, 4)), title}))
        known = [task_id for task_id, states in self.tasks.items() if None not in states]
        kind = self.chance.choice(["create", "change", "toggle", "delete"]) if len(known) > 3 else "create"
        if kind == "create":
            return await self._create(http, title, tags)
        task_id = self.chance.choice(known)
        path = f"/api/{self.user}/tasks/{task_id}"
        match kind:
            case "change":
                request = http.build_request("PATCH", path, json={"title": title, "tags": tags}, headers=self.headers)
                return await self._change(http, request, task_id, lambda s: (title, s[1], tags, s[3] + 1))
            case "toggle":
                request = http.build_request("PATCH", f"{path}/complete", headers=self.headers)
                return await self._change(http, request, task_id, lambda s: (s[0], not s[1], s[2], s[3] + 1))
            case _:
                request = http.build_request("DELETE", path, headers=self.headers)
                return await self._change(http, request, task_id, lambda _: None)

    async def _create(self, http: httpx.AsyncClient, title: str, tags: tuple[str, ...]) -> bool:
        body = {"title": title, "tags": tags}
        answer = await self._send(
            http, http.build_request("POST", f"/api/{self.user}/tasks", json=body, headers=self.headers)
        )
        if answer is None:
            self.perhaps[title] = (title, False, tags, 1)
        elif answer.status_code == 201:
            assert state_of(answer.json()) == (title, False, tags, 1)
            self.tasks[answer.json()["id"]] = {state_of(answer.json())}
            self._note(answer, answer.json()["id"], "create", 1)
            return True
        else:
            self.refused.add(title)
        return False

    async def _change(
        self, http: httpx.AsyncClient, request: httpx.Request, task_id: str, effect: Callable[[State], State | None]
    ) -> bool:
        before = self.tasks[task_id]
        after = {effect(state) for state in before if state is not None}
        answer = await self._send(http, request)
        if answer is None:
            self.tasks[task_id] = before | after
            return False
        if answer.status_code == 503:
            return False
        told = None if answer.status_code == 204 else state_of(answer.json())
        assert told in after, f"{told} is not what {before} becomes"
        self.tasks[task_id] = {told}
        if told is None:
            # The log counts a deletion as a version. The version before it may be unknown.
            self._note(answer, task_id, "remove", 0)
        else:
            self._note(answer, task_id, "change", told[3])
        return True

    def _note(self, answer: httpx.Response, task_id: str, op: str, version: int) -> None:
        """This client sends one write at a time, so its Change-Ids rise."""
        number = int(answer.headers.get("change-id", 0))
        if number <= max(self.changes, default=0):
            self.wrong["no Change-Id, or not above the last"] += 1
        self.changes[number] = (task_id, op, version)

    async def _send(self, http: httpx.AsyncClient, request: httpx.Request) -> httpx.Response | None:
        """The answer, or None if the outcome is unknown."""
        try:
            answer = await http.send(request)
        except httpx.ConnectError:
            # Nothing was sent, so nothing was written: the same as a refusal.
            self.counts["not connected"] += 1
            return httpx.Response(503)
        except httpx.TransportError:
            self.counts["connection lost"] += 1
            return None
        assert answer.status_code in {200, 201, 204, 503}, answer.text
        if answer.status_code == 503:
            code: str = answer.json()["code"]
            self.counts[code] += 1
            return None if code == "outcome_unknown" else answer
        self.counts["acknowledged"] += 1
        return answer

    async def compare(self, connection: asyncpg.Connection) -> Counter[str]:
        """Counts the differences between the record and the database. Empty if there are none."""
        wrong = self.wrong + await self._compare_log(connection)
        rows = {row["id"]: row for row in await connection.fetch(_CONTENT, self.user)}
        titles = Counter(row["title"] for row in rows.values())
        for task_id, states in self.tasks.items():
            row = rows.pop(task_id, None)
            now = None if row is None else (row["title"], row["completed"], tuple(row["tags"]), row["version"])
            if now not in states:
                lost = now is None or all(state is not None and state[3] > now[3] for state in states)
                wrong["lost" if lost else "doubled or half-written"] += 1
        for row in rows.values():
            # Not acknowledged. It must have been sent, must exist once and must be complete.
            now = (row["title"], row["completed"], tuple(row["tags"]), row["version"])
            if row["title"] in self.refused:
                wrong["refused, but there"] += 1
            elif self.perhaps.get(row["title"]) != now:
                wrong["half-written"] += 1
            elif titles[row["title"]] > 1:
                wrong["doubled"] += 1
            else:
                self.counts["unanswered, but there"] += 1
        return wrong

    async def _compare_log(self, connection: asyncpg.Connection) -> Counter[str]:
        """Each acknowledged write has its entry, entries and head have no gap, and tasks have their last revision."""
        wrong: Counter[str] = Counter()
        entries = await connection.fetch(_LOG, self.user)
        wrong["log with a gap"] += [entry["revision"] for entry in entries] != list(range(1, len(entries) + 1))
        wrong["head is not the number of entries"] += await connection.fetchval(_HEAD, self.user) != len(entries)
        logged = {entry["revision"]: entry for entry in entries}
        versions: dict[str, int] = {}
        newest: dict[str, int] = {}
        for entry in entries:
            task_id = entry["task_id"]
            wrong["log with a version too many or too few"] += entry["version"] != versions.get(task_id, 0) + 1
            versions[task_id], newest[task_id] = entry["version"], entry["revision"]
        for number, (task_id, op, version) in self.changes.items():
            entry = logged.pop(number, None)
            same = entry is not None and (entry["task_id"], entry["op"]) == (task_id, op)
            wrong["acknowledged, but not in the log"] += not same or version not in {0, entry["version"]}
        self.counts["unanswered, but in the log"] += len(logged)
        unanswered = sum(self.counts[kind] for kind in ("outcome_unknown", "connection lost"))
        wrong["in the log, but not sent"] += len(logged) > unanswered
        for row in await connection.fetch(_REVISIONS, self.user):
            wrong["revision of a task is not its last"] += row["revision"] != newest.get(row["id"])
        return +wrong


async def compare_all(writers: list[RecordingWriter], database_url: str) -> Counter[str]:
    connection = await asyncpg.connect(**connect_arguments(database_url))
    try:
        wrong: Counter[str] = Counter()
        for writer in writers:
            wrong += await writer.compare(connection)
        return wrong
    finally:
        await connection.close()
