"""One user's tasks. Each operation is one statement: a select, or a call of a function of writes.sql."""

from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import msgspec
from msgspec import UNSET

from todo_api.db.casefold import fold, fold_title
from todo_api.db.owned import OwnedRepository
from todo_api.db.session import UserSession
from todo_api.db.statement import FunctionCall
from todo_api.errors import ApiError, IdempotencyKeyReused, IdTaken, LimitReached, TaskDeleted, TaskNotFound
from todo_api.features.tasks import preconditions, reads
from todo_api.features.tasks.columns import PRIORITY_NUMBER
from todo_api.features.tasks.idempotency import as_created, fingerprint
from todo_api.features.tasks.structs import TakenId, Task, TaskCreate, TaskUpdate

_CREATE: Final = (
    "new_id", "own_id", "sent", "names", "folded", "key_sent", "print", "most", "history_days"
)  # fmt: skip
CREATE: Final = FunctionCall("create_task", *_CREATE, repeatable=True)
"""The id is made here, so a second run meets the task or the key of the first one."""
CREATE_WITH_ID: Final = FunctionCall("create_task", *_CREATE)
"""The client made the id. A second run could not tell its own task from one that was there before."""
CHANGE: Final = FunctionCall(
    "change_task", "which", "sent", "names", "folded", "versions_sent", "merge", "history_days"
)
REMOVE: Final = FunctionCall("remove_task", "which", "versions_sent", "history_days")

_ERRORS: Final[dict[str, type[ApiError]]] = {
    "key_reused": IdempotencyKeyReused,
    "limit_reached": LimitReached,
    "missing": TaskNotFound,
    "task_deleted": TaskDeleted,
}
"""By outcome."""

_INFINITIES: Final = {date.min: "-infinity", date.max: "infinity"}
"""The driver reads and writes these two dates so, in filters too."""

Versions = frozenset[int] | None


class Limits(NamedTuple):
    """How much is kept of each user."""

    tasks: int = 100_000
    history_days: int = 30


_DEFAULT_LIMITS: Final = Limits()


class Written(NamedTuple):
    task: Task
    change_id: int | None
    """The revision of the change; None if nothing was written."""
    replayed: bool = False
    """The task was created before, under the same key. `task` and `change_id` are what they were then."""


class TaskRepository(OwnedRepository):
    def __init__(self, session: UserSession, limits: Limits = _DEFAULT_LIMITS) -> None:
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
        own_id = task.id is not UNSET
        new_id = task.id if task.id is not UNSET else uuid4()
        sent = {
            "title": task.title,
            "description": task.description,
            "completed": task.completed,
            "priority": task.priority,
            "due_date": task.due_date,
        }
        outcome, change_id, _, *columns = await self._write(
            CREATE_WITH_ID if own_id else CREATE,
            new_id=new_id,
            own_id=own_id,
            sent=_columns(sent),
            names=task.tags,
            folded=[fold(tag) for tag in task.tags],
            key_sent=key,
            print=None if key is None else fingerprint(task),
            most=self.limits.tasks,
        )
        made = Task(*columns)
        if outcome == "id_taken":
            raise IdTaken(TakenId(made if change_id is not None else None))
        if outcome != "replayed":
            return Written(made, change_id)
        # A task that this call made, and met again after a lost response, is not a replay.
        replayed = own_id or made.id != new_id
        return Written(as_created(self.me, task, made.id, made.created_at), change_id, replayed=replayed)

    async def change(
        self, task_id: UUID, task: TaskUpdate, if_match: Versions = None, *, merge: bool = False
    ) -> Written:
        """Changes the task if it has one of the versions in `if_match`. None: whatever its version is.

        `merge`: it may have another version, too, if none of the fields of `task` has changed since.

        Raises:
            TaskNotFound, StaleVersion: the other changes raise these, too.
        """
        sent = task.sent()
        tags: list[str] | None = sent.pop("tags", None)
        return await self._change(task_id, sent, tags, if_match, merge=merge)

    async def toggle(self, task_id: UUID, if_match: Versions = None) -> Written:
        return await self._change(task_id, {"toggle": True}, None, if_match, merge=False)

    async def remove(self, task_id: UUID, if_match: Versions = None) -> Written:
        """Deletes the task, and returns it as it was."""
        return _written(await self._write(REMOVE, which=task_id, versions_sent=_list(if_match)), if_match)

    async def _change(
        self, task_id: UUID, sent: dict[str, Any], tags: list[str] | None, if_match: Versions, *, merge: bool
    ) -> Written:
        answer = await self._write(
            CHANGE,
            which=task_id,
            sent=_columns(sent),
            names=tags,
            folded=None if tags is None else [fold(tag) for tag in tags],
            versions_sent=_list(if_match),
            merge=merge,
        )
        return _written(answer, if_match)

    async def _write(self, function: FunctionCall, **arguments: Any) -> asyncpg.Record:
        """The function's answer: outcome, revision, versions of the fields, and the columns of a Task."""
        answer = await self.call(function, **arguments, history_days=self.limits.history_days)
        if error := _ERRORS.get(answer[0]):
            raise error
        return answer


def _written(answer: asyncpg.Record, if_match: Versions) -> Written:
    outcome, change_id, versions, *columns = answer
    task = Task(*columns)
    if outcome == "stale":
        raise preconditions.refusal(task, versions, if_match or frozenset())
    return Written(task, change_id)


def _list(if_match: Versions) -> list[int] | None:
    return None if if_match is None else list(if_match)


def _columns(sent: dict[str, Any]) -> str:
    """The fields as the functions take them: JSON, with the folded texts for searching and sorting."""
    columns = dict(sent)
    if "priority" in sent:
        columns["priority"] = PRIORITY_NUMBER[sent["priority"]]
    if "title" in sent:
        columns["title_folded"] = fold_title(sent["title"])
    if "description" in sent:
        columns["description_folded"] = fold(sent["description"] or "")
    if sent.get("due_date") in _INFINITIES:
        columns["due_date"] = _INFINITIES[sent["due_date"]]
    return msgspec.json.encode(columns).decode()
