"""One user's tasks: one statement an operation."""

from functools import cache
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import (
    ARRAY,
    CTE,
    Boolean,
    ColumnElement,
    Date,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    union_all,
)

from todo_api.db.engine import Statement
from todo_api.db.owned import TAGS, TASK_TAGS, TASKS, OwnedRepository, add, add_each, change, out_of, remove, rows
from todo_api.errors import OutcomeUnknown, TaskNotFound, Unavailable
from todo_api.tasks.structs import Task, TaskCreate, TaskPage, TaskQuery, TaskUpdate

PRIORITIES: Final = ("High", "Medium", "Low")
"""Stored as their position, from 1, so that they sort in this order."""
_PRIORITY_NUMBER: Final = {name: number for number, name in enumerate(PRIORITIES, start=1)}
_COLUMN_OF: Final = {"completed": "completed_at", "toggled": "completed_at"}
_OPTIMISTIC_TRIES: Final = 3

_ID: Final = bindparam("id", type_=Uuid())
_TAG_NAMES: Final = bindparam("tags", type_=ARRAY(Text))
_LIMIT: Final = bindparam("limit", type_=Integer)
_OFFSET: Final = bindparam("offset", type_=Integer)
_TRUE: Final[ColumnElement[Any]] = literal_column("true")
_FALSE: Final[ColumnElement[Any]] = literal_column("false")
_ONE: Final[ColumnElement[Any]] = literal_column("1")


def _tags_of(task: Table | CTE) -> ColumnElement[Any]:
    names = rows(TASK_TAGS, TASK_TAGS.c.tag).where(TASK_TAGS.c.task_id == task.c.id).order_by(TASK_TAGS.c.tag)
    return func.array(names.correlate(task).scalar_subquery())


def _task(source: Table | CTE, tags: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """The columns of a Task, in its order."""
    return [
        source.c.id,
        source.c.user_id,
        source.c.title,
        source.c.description,
        source.c.completed_at.is_not(None),
        literal_column(f"(array{list(PRIORITIES)})[{source.name}.priority]"),
        source.c.due_date,
        tags,
        source.c.completed_at,
        source.c.created_at,
        source.c.updated_at,
        source.c.version,
    ]


def _link(task: CTE) -> list[CTE]:
    """Steps that tie the names in `:tags` to the task that an earlier step gave. Sorted names cannot deadlock."""
    # Derived, `as given(tag)`: without it PostgreSQL reads `given.name` as a cast to its 63-byte type `name`.
    given = func.unnest(_TAG_NAMES).table_valued("tag").render_derived(name="given")
    return [
        add_each(TAGS, {"name": given.c.tag}, task, given).cte("known"),
        add_each(TASK_TAGS, {"task_id": task.c.id, "tag": given.c.tag}, task, given).cte("linked"),
    ]


@cache
def _create(*, tagged: bool) -> Statement:
    values = {
        "id": _ID,
        "title": bindparam("title", type_=Text),
        "description": bindparam("description", type_=Text),
        "priority": bindparam("priority", type_=SmallInteger),
        "due_date": bindparam("due_date", type_=Date),
    }
    created = add(TASKS, values).returning(*TASKS.c).cte("created")
    answer = out_of(created, *_task(created, _TAG_NAMES))
    # The id is made here, so that a second run meets the first one's row: see `TaskRepository.create`.
    return Statement(answer.add_cte(*_link(created)) if tagged else answer, repeatable=True)


_GET: Final = Statement(rows(TASKS, *_task(TASKS, _tags_of(TASKS))).where(TASKS.c.id == _ID))
_REMOVE: Final = Statement(remove(TASKS).where(TASKS.c.id == _ID).returning(TASKS.c.id))
_LOCK: Final = Statement(rows(TASKS, TASKS.c.id).where(TASKS.c.id == _ID).with_for_update())


@cache
def _change(fields: frozenset[str]) -> Statement:
    """Changes what is sent, if that differs from what is there, and answers with the task as it is then.

    All steps of a statement see the database as it was when the statement began, even after it waited for another
    writer's lock. So the update also demands the version that `seen` has; when it lost that race the last column is
    true and the statement wants to run again. See docs/decisions/0005-one-statement-one-snapshot.md.
    """
    seen = rows(TASKS, *TASKS.c, _tags_of(TASKS).label("tags")).where(TASKS.c.id == _ID).cte("seen")
    completed = case(
        (bindparam("completed", type_=Boolean), func.coalesce(seen.c.completed_at, func.statement_timestamp()))
    )
    values: dict[str, ColumnElement[Any]] = {
        "title": bindparam("title", type_=Text),
        "description": bindparam("description", type_=Text),
        "priority": bindparam("priority", type_=SmallInteger),
        "due_date": bindparam("due_date", type_=Date),
        "completed": completed,
        "toggled": case((seen.c.completed_at.is_(None), func.statement_timestamp())),
    }
    columns: dict[str, ColumnElement[Any]] = {
        _COLUMN_OF.get(field, field): values[field] for field in sorted(fields - {"tags"})
    }
    sent = columns | ({"tags": _TAG_NAMES} if "tags" in fields else {})
    differs = or_(*(seen.c[column].is_distinct_from(value) for column, value in sent.items()))
    changed = (
        change(TASKS)
        .where(TASKS.c.id == _ID, TASKS.c.version == seen.c.version, differs)
        .values(**columns, updated_at=func.statement_timestamp(), version=TASKS.c.version + _ONE)
        .returning(*TASKS.c)
        .cte("changed")
    )
    tags = _TAG_NAMES if "tags" in fields else seen.c.tags
    answer = union_all(
        out_of(changed, *_task(changed, tags), _FALSE).join_from(changed, seen, _TRUE),
        out_of(seen, *_task(seen, seen.c.tags), differs).where(~exists(out_of(changed, changed.c.id))),
    )
    if "tags" in fields:
        dropped = remove(TASK_TAGS).where(TASK_TAGS.c.task_id == changed.c.id, TASK_TAGS.c.tag != func.all(_TAG_NAMES))
        answer = answer.add_cte(dropped.cte("dropped"), *_link(changed))
    return Statement(answer)


@cache
def _page(*, first: bool) -> Statement:
    order = (TASKS.c.created_at.desc(), TASKS.c.id.desc())
    total = rows(TASKS, func.count()).correlate(None).scalar_subquery()
    if first:
        return Statement(rows(TASKS, *_task(TASKS, _tags_of(TASKS)), total).order_by(*order).limit(_LIMIT))
    page = rows(TASKS).order_by(*order).limit(_LIMIT).offset(_OFFSET).cte("page")
    counted = rows(TASKS, func.count().label("total")).cte("counted")
    answer = out_of(counted, *_task(page, _tags_of(page)), counted.c.total).outerjoin_from(counted, page, _TRUE)
    return Statement(answer.order_by(page.c.created_at.desc(), page.c.id.desc()))


class TaskRepository(OwnedRepository):
    async def page(self, query: TaskQuery) -> TaskPage:
        limit, offset = query.limit, query.offset
        found = await self.fetch(_page(first=offset == 0), limit=limit, offset=offset)
        total = found[0][-1] if found else 0
        return TaskPage([Task(*row[:-1]) for row in found if row[0]], total, limit, offset)

    async def get(self, task_id: UUID) -> Task:
        return _one(await self.fetch(_GET, id=task_id))

    async def create(self, task: TaskCreate) -> Task:
        task_id = uuid4()
        try:
            return _one(
                await self.fetch(
                    _create(tagged=bool(task.tags)),
                    id=task_id,
                    title=task.title,
                    description=task.description,
                    priority=_PRIORITY_NUMBER[task.priority],
                    due_date=task.due_date,
                    tags=task.tags,
                )
            )
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "pk_tasks":
                raise
            # Only we know this id: its answer was lost, the task is there.
            try:
                return await self.get(task_id)
            except Unavailable:
                raise OutcomeUnknown from error

    async def change(self, task_id: UUID, task: TaskUpdate) -> Task:
        sent = task.sent()
        if "priority" in sent:
            sent["priority"] = _PRIORITY_NUMBER[sent["priority"]]
        return await self._change(task_id, sent) if sent else await self.get(task_id)

    async def toggle(self, task_id: UUID) -> Task:
        return await self._change(task_id, {"toggled": True})

    async def remove(self, task_id: UUID) -> None:
        if not await self.fetch(_REMOVE, id=task_id):
            raise TaskNotFound

    async def _change(self, task_id: UUID, values: dict[str, Any]) -> Task:
        """Optimistic while that is cheap; then, for a task that many write at once, behind the row's lock."""
        statement = _change(frozenset(values))
        for _ in range(_OPTIMISTIC_TRIES):
            found = await self.fetch(statement, id=task_id, **values)
            if not found or not found[0][-1]:
                break
        else:
            found = await self.fetch_locked(_LOCK, statement, id=task_id, **values)
        if not found:
            raise TaskNotFound
        return Task(*found[0][:-1])


def _one(found: list[asyncpg.Record]) -> Task:
    if not found:
        raise TaskNotFound
    return Task(*found[0])
