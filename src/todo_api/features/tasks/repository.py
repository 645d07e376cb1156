"""One user's tasks. Each operation is one statement."""

from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from todo_api.db.casefold import fold, fold_title
from todo_api.db.owned import OwnedRepository
from todo_api.db.statement import Statement
from todo_api.errors import Busy, OutcomeUnknown, TaskNotFound, Unavailable
from todo_api.features.tasks import idempotency, statements
from todo_api.features.tasks import preconditions as stale
from todo_api.features.tasks.columns import PRIORITY_NUMBER
from todo_api.features.tasks.idempotency import Created
from todo_api.features.tasks.structs import Task, TaskCreate, TaskUpdate

_OPTIMISTIC_TRIES: Final = 3

Versions = frozenset[int] | None


class TaskRepository(OwnedRepository):
    async def get(self, task_id: UUID) -> Task:
        return _one(await self.fetch(statements.GET, id=task_id))

    async def create(self, task: TaskCreate, key: str | None = None) -> Created:
        """Creates a task, only once for each Idempotency-Key.

        Raises:
            IdempotencyKeyReused: the key came with another task before.
            TaskDeleted: the task that the key created was deleted since.
        """
        statement = statements.create(tagged=bool(task.tags), keyed=key is not None)
        values: dict[str, Any] = {
            "id": uuid4(),
            "title": task.title,
            "description": task.description,
            "completed": task.completed,
            "priority": PRIORITY_NUMBER[task.priority],
            "due_date": task.due_date,
            "tags": task.tags,
            **_folded(task.title, task.description, task.tags),
        }
        if key is None:
            return Created(await self._insert(statement, values), replayed=False)
        values |= {"key": key, "fingerprint": idempotency.fingerprint(task)}
        for _ in range(_OPTIMISTIC_TRIES):
            if records := await self.fetch(statement, **values):
                created = idempotency.created(self.me, task, records[0])
                # A task that this call made, and read again after a lost response, is not a replay.
                return created._replace(replayed=created.replayed and created.task.id != values["id"])
        raise Busy

    async def _insert(self, statement: Statement, values: dict[str, Any]) -> Task:
        try:
            return _one(await self.fetch(statement, **values))
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "pk_tasks":
                raise
            # Nobody else knows this id: the task was created, and the response was lost.
            try:
                return await self.get(values["id"])
            except Unavailable:
                raise OutcomeUnknown from error

    async def change(self, task_id: UUID, task: TaskUpdate, if_match: Versions = None) -> Task:
        """Changes the task if it has one of the versions in `if_match`. None: whatever its version is.

        Raises:
            TaskNotFound, StaleVersion: the other changes raise these, too.
        """
        sent = task.sent()
        if "priority" in sent:
            sent["priority"] = PRIORITY_NUMBER[sent["priority"]]
        return await self._change(task_id, sent, if_match) if sent else await self._look(task_id, if_match)

    async def toggle(self, task_id: UUID, if_match: Versions = None) -> Task:
        return await self._change(task_id, {"toggled": True}, if_match)

    async def remove(self, task_id: UUID, if_match: Versions = None) -> None:
        if if_match is not None:
            await self._settle(stale.REMOVE, task_id, {}, if_match)
        elif not await self.fetch(statements.REMOVE, id=task_id):
            raise TaskNotFound

    async def _look(self, task_id: UUID, if_match: Versions) -> Task:
        if if_match is None:
            return await self.get(task_id)
        records = await self.fetch(stale.LOOK, id=task_id)
        if not records:
            raise TaskNotFound
        *task, changed = records[0]
        current = Task(*task)
        if current.version not in if_match:
            raise stale.refusal(current, changed, if_match)
        return current

    async def _change(self, task_id: UUID, values: dict[str, Any], if_match: Versions) -> Task:
        return await self._settle(
            statements.update(frozenset(values), matched=if_match is not None), task_id, values, if_match
        )

    async def _settle(self, statement: Statement, task_id: UUID, values: dict[str, Any], if_match: Versions) -> Task:
        """Runs the statement optimistically at first, then, for a task that many write at once, with the row locked.

        After a race that another writer won, it runs again even if a version was demanded: only then is it known which
        fields have changed.
        """
        values = values | _folded(values.get("title"), values.get("description"), values.get("tags"))
        if if_match is not None:
            values["versions"] = list(if_match)
        for _ in range(_OPTIMISTIC_TRIES):
            records = await self.fetch(statement, id=task_id, **values)
            if not records or not records[0][-1]:
                break
        else:
            records = await self.fetch_locked(statements.LOCK, statement, id=task_id, **values)
        if not records:
            raise TaskNotFound
        *task, changed, _ = records[0]
        if changed is not None and if_match is not None:
            raise stale.refusal(Task(*task), changed, if_match)
        return Task(*task)


def _folded(title: str | None, description: str | None, tags: list[str] | None) -> dict[str, Any]:
    """The folded texts, for searching and sorting. A statement uses those of the fields that it writes."""
    return {
        "title_folded": fold_title(title or ""),
        "description_folded": fold(description or ""),
        "tags_folded": [fold(tag) for tag in tags or ()],
    }


def _one(records: list[asyncpg.Record]) -> Task:
    if not records:
        raise TaskNotFound
    return Task(*records[0])
