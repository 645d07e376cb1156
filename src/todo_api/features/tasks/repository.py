"""One user's tasks: one statement an operation."""

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
        """Once, where an Idempotency-Key is given.

        Raises:
            IdempotencyKeyReused: it was given with another task.
        """
        statement = statements.create(tagged=bool(task.tags), keyed=key is not None)
        values: dict[str, Any] = {
            "id": uuid4(),
            "title": task.title,
            "description": task.description,
            "priority": PRIORITY_NUMBER[task.priority],
            "due_date": task.due_date,
            "tags": task.tags,
            **_folded(task.title, task.description, task.tags),
        }
        if key is None:
            return Created(await self._insert(statement, values), replayed=False)
        values |= {"key": key, "fingerprint": idempotency.fingerprint(task)}
        for _ in range(_OPTIMISTIC_TRIES):
            if found := await self.fetch(statement, **values):
                answer = idempotency.created(self.me, task, found[0])
                # Our own task, found again after its first answer was lost, is not replayed to anybody.
                return answer._replace(replayed=answer.replayed and answer.task.id != values["id"])
        raise Busy

    async def _insert(self, statement: Statement, values: dict[str, Any]) -> Task:
        try:
            return _one(await self.fetch(statement, **values))
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "pk_tasks":
                raise
            # Only we know this id: its answer was lost, the task is there.
            try:
                return await self.get(values["id"])
            except Unavailable:
                raise OutcomeUnknown from error

    async def change(self, task_id: UUID, task: TaskUpdate, meant: Versions = None) -> Task:
        """Changes the task if it has one of the versions in `meant`; any will do where that is None.

        Raises:
            TaskNotFound, StaleVersion: as do the other changes.
        """
        sent = task.sent()
        if "priority" in sent:
            sent["priority"] = PRIORITY_NUMBER[sent["priority"]]
        return await self._change(task_id, sent, meant) if sent else await self._look(task_id, meant)

    async def toggle(self, task_id: UUID, meant: Versions = None) -> Task:
        return await self._change(task_id, {"toggled": True}, meant)

    async def remove(self, task_id: UUID, meant: Versions = None) -> None:
        if meant is not None:
            await self._settle(stale.REMOVE, task_id, {}, meant)
        elif not await self.fetch(statements.REMOVE, id=task_id):
            raise TaskNotFound

    async def _look(self, task_id: UUID, meant: Versions) -> Task:
        if meant is None:
            return await self.get(task_id)
        found = await self.fetch(stale.LOOK, id=task_id)
        if not found:
            raise TaskNotFound
        *task, changed = found[0]
        current = Task(*task)
        if current.version not in meant:
            raise stale.refusal(current, changed, meant)
        return current

    async def _change(self, task_id: UUID, values: dict[str, Any], meant: Versions) -> Task:
        return await self._settle(
            statements.update(frozenset(values), matched=meant is not None), task_id, values, meant
        )

    async def _settle(self, statement: Statement, task_id: UUID, values: dict[str, Any], meant: Versions) -> Task:
        """Optimistic while that is cheap; then, for a task that many write at once, behind the row's lock.

        A race lost to another writer is run again also where a version is demanded: only then is it known what to
        tell the client.
        """
        given = values | _folded(values.get("title"), values.get("description"), values.get("tags"))
        if meant is not None:
            given["versions"] = list(meant)
        for _ in range(_OPTIMISTIC_TRIES):
            found = await self.fetch(statement, id=task_id, **given)
            if not found or not found[0][-1]:
                break
        else:
            found = await self.fetch_locked(statements.LOCK, statement, id=task_id, **given)
        if not found:
            raise TaskNotFound
        *task, changed, _ = found[0]
        if changed is not None and meant is not None:
            raise stale.refusal(Task(*task), changed, meant)
        return Task(*task)


def _folded(title: str | None, description: str | None, tags: list[str] | None) -> dict[str, Any]:
    """What searches and sorts look at; a statement takes what belongs to the fields that it writes."""
    return {
        "title_folded": fold_title(title or ""),
        "description_folded": fold(description or ""),
        "tags_folded": [fold(tag) for tag in tags or ()],
    }


def _one(found: list[asyncpg.Record]) -> Task:
    if not found:
        raise TaskNotFound
    return Task(*found[0])
