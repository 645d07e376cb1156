"""The steps of a statement that creates a task under an Idempotency-Key, once.

All of the answer but the id and the instant is in the request, which is the same again or refused. So these two are
stored, in the statement that creates the task, and both the first answer and its repetitions are made from them. If the
task was deleted since, there is an error in the place of a repetition.
"""

from hashlib import blake2b
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec
from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    LargeBinary,
    Text,
    bindparam,
    exists,
    func,
    literal_column,
    union_all,
)

from todo_api.db.owned import IDEMPOTENCY_KEYS as KEYS
from todo_api.db.owned import TASKS, delete_owned, insert_owned, select_from, select_owned
from todo_api.errors import IdempotencyKeyReused, TaskDeleted
from todo_api.features.tasks.structs import Task, TaskCreate

_KEY: Final = bindparam("key", type_=Text)
_FINGERPRINT: Final = bindparam("fingerprint", type_=LargeBinary)
_NOW: Final = func.statement_timestamp()
_OLD: Final[ColumnElement[Any]] = KEYS.c.created_at <= _NOW - literal_column("interval '168 hours'")
_SWEPT: Final[ColumnElement[Any]] = literal_column("5")
"""Old keys that go with each new one: more than one, so that fewer remain than seven days bring."""
_TRUE: Final[ColumnElement[Any]] = literal_column("true")
_FALSE: Final[ColumnElement[Any]] = literal_column("false")


class Created(NamedTuple):
    task: Task
    replayed: bool
    """The task was created before, under the same key; this is what it was then. It still exists."""


def created(me: str, task: TaskCreate, found: asyncpg.Record) -> Created:
    """From a row of `answer`.

    Raises:
        IdempotencyKeyReused: the key was given with another task.
        TaskDeleted: the task that the key created was deleted since.
    """
    task_id, at, replayed, same, exists_still = found
    if not same:
        raise IdempotencyKeyReused
    if not exists_still:
        raise TaskDeleted
    described = (task.title, task.description, task.completed, task.priority, task.due_date, task.tags)
    return Created(Task(task_id, me, *described, at if task.completed else None, at, at, 1), replayed)


def fingerprint(task: TaskCreate) -> bytes:
    """Of what is asked for, not of how it is written. Defaults are left out, so that new fields leave it alone."""
    return blake2b(msgspec.json.encode(task), digest_size=16).digest()


def claimed(task_id: ColumnElement[Any]) -> CTE:
    """The key, if it is free or old. A second request that claims the same key waits here for the first one."""
    claim = insert_owned(KEYS, {"key": _KEY, "fingerprint": _FINGERPRINT, "task_id": task_id, "created_at": _NOW})
    return (
        claim.on_conflict_do_update(
            index_elements=[KEYS.c.user_id, KEYS.c.key],
            set_={name: claim.excluded[name] for name in ("fingerprint", "task_id", "created_at")},
            where=_OLD,
        )
        .returning(KEYS.c.task_id, KEYS.c.created_at)
        .cte("claimed")
    )


def answer(claim: CTE) -> CompoundSelect[Any]:
    """The task's id and instant; whether they are replayed, the task asked for is the same, and the task still exists.

    No row: another request has taken the key since this statement began, and so cannot be seen. Run it again.
    """
    old = select_owned(KEYS, KEYS.c.key).where(_OLD, KEYS.c.key != _KEY).order_by(KEYS.c.created_at).limit(_SWEPT)
    swept = old.with_for_update(skip_locked=True).cte("old")
    task = exists(select_owned(TASKS, TASKS.c.id).where(TASKS.c.id == KEYS.c.task_id).correlate(KEYS))
    earlier = select_owned(KEYS, KEYS.c.task_id, KEYS.c.created_at, _TRUE, KEYS.c.fingerprint == _FINGERPRINT, task)
    return union_all(
        select_from(claim, claim.c.task_id, claim.c.created_at, _FALSE, _TRUE, _TRUE),
        earlier.where(KEYS.c.key == _KEY, ~_OLD, ~exists(select_from(claim, claim.c.task_id))),
    ).add_cte(delete_owned(KEYS).where(KEYS.c.key == swept.c.key).cte("swept"))
