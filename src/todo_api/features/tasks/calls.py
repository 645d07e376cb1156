"""How the functions of writes.sql are called, and what their answers mean. Does no I/O."""

from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
from msgspec import UNSET

from todo_api.db.casefold import fold, fold_title
from todo_api.errors import ApiError, IdempotencyKeyReused, IdTaken, LimitReached, TaskDeleted, TaskNotFound
from todo_api.features.tasks import preconditions
from todo_api.features.tasks.columns import PRIORITY_NUMBER
from todo_api.features.tasks.structs import TakenId, Task, TaskCreate, TaskUpdate

_ERRORS: Final[dict[str, type[ApiError]]] = {
    "key_reused": IdempotencyKeyReused,
    "limit_reached": LimitReached,
    "missing": TaskNotFound,
    "task_deleted": TaskDeleted,
}
"""By outcome."""
_INFINITIES: Final = {date.min: "-infinity", date.max: "infinity"}
"""The driver reads and writes these two dates so, in filters too."""

Arguments = dict[str, Any]
Versions = frozenset[int] | None


class Written(NamedTuple):
    task: Task
    change_id: int | None
    """The revision of the change; None if nothing was written."""
    replayed: bool = False
    """The task was created before, under the same key. `task` and `change_id` are what they were then."""


def creation(task: TaskCreate, new_id: UUID) -> Arguments:
    """The arguments of `create_task` for the task. `new_id`: its id, unless the client made one."""
    sent = {
        "title": task.title,
        "description": task.description,
        "completed": task.completed,
        "priority": task.priority,
        "due_date": task.due_date,
    }
    return {
        "new_id": new_id if task.id is UNSET else task.id,
        "own_id": task.id is not UNSET,
        "sent": _columns(sent),
        "names": task.tags,
        "folded": [fold(tag) for tag in task.tags],
    }


def change(task: TaskUpdate) -> Arguments:
    """The arguments of `change_task` for the fields that were sent."""
    sent = task.sent()
    tags: list[str] | None = sent.pop("tags", None)
    return {
        "sent": _columns(sent),
        "names": tags,
        "folded": None if tags is None else [fold(tag) for tag in tags],
    }


def toggle() -> Arguments:
    """The arguments of `change_task` that complete the task or reopen it."""
    return {"sent": {"toggle": True}, "names": None, "folded": None}


def written(answer: asyncpg.Record, if_match: Versions = None) -> Written:
    """The task in a `task_answer`. `if_match`: the versions that the client named.

    Raises:
        ApiError: the function refused.
    """
    outcome, change_id, versions, *columns = answer
    if error := _ERRORS.get(outcome):
        raise error
    task = Task(*columns)
    if outcome == "id_taken":
        raise IdTaken(TakenId(task if change_id is not None else None))
    if outcome == "stale":
        raise preconditions.refusal(task, versions, if_match or frozenset())
    return Written(task, change_id)


def _columns(sent: dict[str, Any]) -> dict[str, Any]:
    """The fields as the functions take them, with the folded texts for searching and sorting."""
    columns = dict(sent)
    if "priority" in sent:
        columns["priority"] = PRIORITY_NUMBER[sent["priority"]]
    if "title" in sent:
        columns["title_folded"] = fold_title(sent["title"])
    if "description" in sent:
        columns["description_folded"] = fold(sent["description"] or "")
    if sent.get("due_date") in _INFINITIES:
        columns["due_date"] = _INFINITIES[sent["due_date"]]
    return columns
