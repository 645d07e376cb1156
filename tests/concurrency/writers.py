"""A writer that sends the statements of the first release, and one that uses the service. Both keep a ledger."""

from abc import ABC, abstractmethod
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec

from tests.support.client import Json
from tests.support.ledger import Ledger, Write
from todo_api.db.casefold import fold, fold_title
from todo_api.features.tasks.idempotency import fingerprint
from todo_api.features.tasks.structs import TaskCreate

_COLUMNS: Final = (
    "id", "user_id", "title", "description", "completed", "priority", "due_date", "tags", "completed_at", "created_at",
    "updated_at", "version",
)  # fmt: skip
_TRIES: Final = 3
_Answer = tuple[Json | None, int | None]
"""The task, and the Change-Id."""


@cache
def first_release(name: str) -> tuple[str, list[str]]:
    """A statement of the first release, and the names of its parameters in their order."""
    head, _, sql = (Path(__file__).parent / f"first_release/{name}.sql").read_text().partition("\n")
    return sql, head.removeprefix("-- parameters: ").split(", ")


class Writer(ABC):
    """One client of one user."""

    name: str

    def __init__(self, user: str, ledger: Ledger) -> None:
        self.user = user
        self.ledger = ledger

    async def create(self, body: Json, key: str | None = None) -> str:
        """The id of the task."""
        task_id, task, change_id = await self._create(body, key)
        self._record(task_id, body, task, change_id)
        return task_id

    async def change(self, task_id: str, body: Json | None) -> None:
        """`body`: None to toggle. The task may have been deleted."""
        self._record(task_id, body, *await self._change(task_id, body))

    async def delete(self, task_id: str) -> None:
        """Another writer may have deleted the task."""
        deleted, change_id = await self._delete(task_id)
        if deleted:
            self.ledger.writes.append(Write(self.user, task_id, {}, None, self.name, change_id))

    def _record(self, task_id: str, body: Json | None, task: Json | None, change_id: int | None) -> None:
        if task is not None:
            self.ledger.writes.append(Write(self.user, task_id, body, task, self.name, change_id))

    @abstractmethod
    async def _create(self, body: Json, key: str | None) -> tuple[str, Json | None, int | None]:
        """The id, the task unless the key created it before, and the Change-Id."""

    @abstractmethod
    async def _change(self, task_id: str, body: Json | None) -> _Answer:
        """The task as it is after the change; None if it was deleted."""

    @abstractmethod
    async def _delete(self, task_id: str) -> tuple[bool, int | None]:
        """Whether this deleted the task, and the Change-Id."""


class OldWriter(Writer):
    """As the first release: a statement, run again after a lost race, the last time behind the lock of the task."""

    name = "first release"

    def __init__(self, user: str, ledger: Ledger, connection: asyncpg.Connection) -> None:
        super().__init__(user, ledger)
        self.connection = connection

    async def _fetch(self, statement: str, **values: Any) -> list[asyncpg.Record]:
        sql, names = first_release(statement)
        values["me"] = self.user
        found: list[asyncpg.Record] = await self.connection.fetch(sql, *(values[name] for name in names))
        return found

    async def _create(self, body: Json, key: str | None) -> tuple[str, Json | None, int | None]:
        new = {"id": uuid4(), "description": None, "priority": 2, "due_date": None, **body, **_folded(body)}
        if key is None:
            (row,) = await self._fetch("create", **new)
            return str(row[0]), _task(row), None
        print_ = fingerprint(msgspec.convert(body, TaskCreate))
        for _ in range(_TRIES):
            if found := await self._fetch("create_with_key", **new, key=key, fingerprint=print_):
                task_id, created_at, replayed, same = found[0]
                assert same, "the fingerprints of the versions differ"
                row = (task_id, self.user, body["title"], None, False, "Medium", None, body["tags"], None)
                return str(task_id), None if replayed else _task((*row, created_at, created_at, 1)), None
        raise AssertionError("the first release would answer 503")

    async def _change(self, task_id: str, body: Json | None) -> _Answer:
        statement = "toggle" if body is None else "change"
        values = {"id": UUID(task_id)} if body is None else {"id": UUID(task_id), **body, **_folded(body)}
        for _ in range(_TRIES):
            found = await self._fetch(statement, **values)
            if not found or not found[0][-1]:
                break
        else:
            async with self.connection.transaction():
                await self._fetch("lock", id=UUID(task_id))
                found = await self._fetch(statement, **values)
                assert not found or not found[0][-1], "a race was lost behind the lock"
        return (_task(found[0]) if found else None), None

    async def _delete(self, task_id: str) -> tuple[bool, int | None]:
        return bool(await self._fetch("delete", id=UUID(task_id))), None


class NewWriter(Writer):
    name = "this version"

    def __init__(self, user: str, ledger: Ledger, http: httpx.AsyncClient) -> None:
        super().__init__(user, ledger)
        self.http = http

    async def _create(self, body: Json, key: str | None) -> tuple[str, Json | None, int | None]:
        answer = await self.http.post("tasks", json=body, headers={"Idempotency-Key": key} if key else {})
        assert answer.status_code == 201, answer.text
        replayed = "idempotency-replayed" in answer.headers
        return answer.json()["id"], None if replayed else answer.json(), _change_id(answer)

    async def _change(self, task_id: str, body: Json | None) -> _Answer:
        answer = await self.http.patch(f"tasks/{task_id}" + ("/complete" if body is None else ""), json=body)
        assert answer.status_code in {200, 404}, answer.text
        return (answer.json() if answer.status_code == 200 else None), _change_id(answer)

    async def _delete(self, task_id: str) -> tuple[bool, int | None]:
        answer = await self.http.delete(f"tasks/{task_id}")
        assert answer.status_code in {204, 404}, answer.text
        return answer.status_code == 204, _change_id(answer)


def _change_id(answer: httpx.Response) -> int | None:
    number = answer.headers.get("change-id")
    return None if number is None else int(number)


def _folded(body: Json) -> Json:
    tags = [fold(tag) for tag in body["tags"]]
    return {"title_folded": fold_title(body["title"]), "description_folded": "", "tags_folded": tags}


def _task(row: Any) -> Json:
    task = dict(zip(_COLUMNS, row, strict=False))
    return {**task, "id": str(task["id"])}
