"""One user's tasks. Each operation is one statement: a select, or a call of a function of writes.sql."""

from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from todo_api.config.limits import DEFAULT_LIMITS, Limits
from todo_api.db.owned import OwnedRepository
from todo_api.db.session import UserSession
from todo_api.db.statement import FunctionCall
from todo_api.errors import TaskNotFound
from todo_api.features.tasks import calls, reads
from todo_api.features.tasks.calls import Arguments, Versions, Written, written
from todo_api.features.tasks.idempotency import as_created, fingerprint
from todo_api.features.tasks.structs import Task, TaskCreate, TaskUpdate

_CREATE: Final = (
    "new_id", "own_id", "sent", "names", "folded", "key_sent", "print", "most", "kept_days"
)  # fmt: skip
CREATE: Final = FunctionCall("create_task", *_CREATE, repeatable=True)
"""The id is made here, so a second run meets the task or the key of the first one."""
CREATE_WITH_ID: Final = FunctionCall("create_task", *_CREATE)
"""The client made the id. A second run could not tell its own task from one that was there before."""
CHANGE: Final = FunctionCall("change_task", "which", "sent", "names", "folded", "versions_sent", "merge", "kept_days")
REMOVE: Final = FunctionCall("remove_task", "which", "versions_sent", "kept_days")


class TaskRepository(OwnedRepository):
    def __init__(self, session: UserSession, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(session)
        self.limits = limits

    async def get(self, task_id: UUID) -> Task:
        records = await self.fetch(reads.GET, id=task_id)
        if not records:
            raise TaskNotFound
        return Task(*records[0])

    async def create(self, task: TaskCreate, key: str | None = None) -> Written:
        """Creates a task, only once for each Idempotency-Key.

        Raises:
            IdTaken: the task has an id of the client's, and a task with this id exists or was deleted.
            LimitReached: the user has as many tasks as allowed.
            IdempotencyKeyReused: the key came with another task before.
            TaskDeleted: the task that the key created was deleted since.
        """
        arguments = calls.creation(task, uuid4())
        own_id, new_id = arguments["own_id"], arguments["new_id"]
        answer = await self._write(
            CREATE_WITH_ID if own_id else CREATE,
            **arguments,
            key_sent=key,
            print=None if key is None else fingerprint(task),
            most=self.limits.tasks,
        )
        made = written(answer)
        if answer["outcome"] != "replayed":
            return made
        kept = as_created(self.me, task, answer["id"], answer["created_at"])
        # A task that this call made, and met again after a lost response, is not a replay.
        return Written(kept, made.change_id, replayed=own_id or kept.id != new_id)

    async def change(
        self, task_id: UUID, task: TaskUpdate, if_match: Versions = None, *, merge: bool = False
    ) -> Written:
        """Changes the task if it has one of the versions in `if_match`. None: whatever its version is.

        `merge`: it may have another version, too, if none of the fields of `task` has changed since.

        Raises:
            TaskNotFound, StaleVersion: the other changes raise these, too.
        """
        return await self._change(task_id, calls.change(task), if_match, merge=merge)

    async def toggle(self, task_id: UUID, if_match: Versions = None) -> Written:
        return await self._change(task_id, calls.toggle(), if_match, merge=False)

    async def remove(self, task_id: UUID, if_match: Versions = None) -> Written:
        """Puts the task into the trash, and returns it as it was."""
        return written(await self._write(REMOVE, which=task_id, versions_sent=_list(if_match)), if_match)

    async def _change(self, task_id: UUID, arguments: Arguments, if_match: Versions, *, merge: bool) -> Written:
        answer = await self._write(CHANGE, which=task_id, **arguments, versions_sent=_list(if_match), merge=merge)
        return written(answer, if_match)

    async def _write(self, function: FunctionCall, **arguments: Any) -> asyncpg.Record:
        """The function's answer: outcome, revision, versions of the fields, and the columns of a Task."""
        if "sent" in arguments:
            arguments["sent"] = msgspec.json.encode(arguments["sent"]).decode()
        return await self.call(function, **arguments, kept_days=self.limits.kept_days)


def _list(if_match: Versions) -> list[int] | None:
    return None if if_match is None else list(if_match)
