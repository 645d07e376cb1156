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
    SmallInteger,
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
from todo_api.errors import TaskNotFound
from todo_api.fold import fold, fold_title
from todo_api.tasks.columns import PRIORITY_NUMBER, tags_of, task_columns
from todo_api.tasks.structs import Task, TaskCreate, TaskUpdate

_COLUMN_OF: Final = {"completed": "completed_at", "toggled": "completed_at"}
_OPTIMISTIC_TRIES: Final = 3

_ID: Final = bindparam("id", type_=Uuid())
_TAG_NAMES: Final = bindparam("tags", type_=ARRAY(Text))
_TAGS_FOLDED: Final = bindparam("tags_folded", type_=ARRAY(Text))
_TITLE_FOLDED: Final = bindparam("title_folded", type_=Text)
_DESCRIPTION_FOLDED: Final = bindparam("description_folded", type_=Text)
_TRUE: Final[ColumnElement[Any]] = literal_column("true")
_FALSE: Final[ColumnElement[Any]] = literal_column("false")
_ONE: Final[ColumnElement[Any]] = literal_column("1")


def _link(task: CTE) -> list[CTE]:
    """Steps that tie the names in `:tags` to the task that an earlier step gave. Sorted names cannot deadlock."""
    # Derived, `as given(tag)`: without it PostgreSQL reads `given.name` as a cast to its 63-byte type `name`.
    given = func.unnest(_TAG_NAMES, _TAGS_FOLDED).table_valued("tag", "folded").render_derived(name="given")
    return [
        add_each(TAGS, {"name": given.c.tag, "name_folded": given.c.folded}, task, given).cte("known"),
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
        "title_folded": _TITLE_FOLDED,
        "description_folded": _DESCRIPTION_FOLDED,
    }
    created = add(TASKS, values).returning(*TASKS.c).cte("created")
    answer = out_of(created, *task_columns(created, _TAG_NAMES))
    return Statement(answer.add_cte(*_link(created)) if tagged else answer)


_GET: Final = Statement(rows(TASKS, *task_columns(TASKS, tags_of(TASKS))).where(TASKS.c.id == _ID))
_REMOVE: Final = Statement(remove(TASKS).where(TASKS.c.id == _ID).returning(TASKS.c.id))
_LOCK: Final = Statement(rows(TASKS, TASKS.c.id).where(TASKS.c.id == _ID).with_for_update())


@cache
def _change(fields: frozenset[str]) -> Statement:
    """Changes what is sent, if that differs from what is there, and answers with the task as it is then.

    All steps of a statement see the database as it was when the statement began, even after it waited for another
    writer's lock. So the update also demands the version that `seen` has; when it lost that race the last column is
    true and the statement wants to run again. See docs/decisions/0005-one-statement-one-snapshot.md.
    """
    seen = rows(TASKS, *TASKS.c, tags_of(TASKS).label("tags")).where(TASKS.c.id == _ID).cte("seen")
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
    folded = {"title": {"title_folded": _TITLE_FOLDED}, "description": {"description_folded": _DESCRIPTION_FOLDED}}
    derived = {name: value for field in sorted(fields & folded.keys()) for name, value in folded[field].items()}
    sent = columns | ({"tags": _TAG_NAMES} if "tags" in fields else {})
    differs = or_(*(seen.c[column].is_distinct_from(value) for column, value in sent.items()))
    changed = (
        change(TASKS)
        .where(TASKS.c.id == _ID, TASKS.c.version == seen.c.version, differs)
        .values(**columns, **derived, updated_at=func.statement_timestamp(), version=TASKS.c.version + _ONE)
        .returning(*TASKS.c)
        .cte("changed")
    )
    tags = _TAG_NAMES if "tags" in fields else seen.c.tags
    answer = union_all(
        out_of(changed, *task_columns(changed, tags), _FALSE).join_from(changed, seen, _TRUE),
        out_of(seen, *task_columns(seen, seen.c.tags), differs).where(~exists(out_of(changed, changed.c.id))),
    )
    if "tags" in fields:
        dropped = remove(TASK_TAGS).where(TASK_TAGS.c.task_id == changed.c.id, TASK_TAGS.c.tag != func.all(_TAG_NAMES))
        answer = answer.add_cte(dropped.cte("dropped"), *_link(changed))
    return Statement(answer)


class TaskRepository(OwnedRepository):
    async def get(self, task_id: UUID) -> Task:
        return _one(await self.fetch(_GET, id=task_id))

    async def create(self, task: TaskCreate) -> Task:
        return _one(
            await self.fetch(
                _create(tagged=bool(task.tags)),
                id=uuid4(),
                title=task.title,
                description=task.description,
                priority=PRIORITY_NUMBER[task.priority],
                due_date=task.due_date,
                tags=task.tags,
                **_folded(task.title, task.description, task.tags),
            )
        )

    async def change(self, task_id: UUID, task: TaskUpdate) -> Task:
        sent = task.sent()
        if "priority" in sent:
            sent["priority"] = PRIORITY_NUMBER[sent["priority"]]
        if not sent:
            return await self.get(task_id)
        return await self._change(task_id, sent)

    async def toggle(self, task_id: UUID) -> Task:
        return await self._change(task_id, {"toggled": True})

    async def remove(self, task_id: UUID) -> None:
        if not await self.fetch(_REMOVE, id=task_id):
            raise TaskNotFound

    async def _change(self, task_id: UUID, values: dict[str, Any]) -> Task:
        """Optimistic while that is cheap; then, for a task that many write at once, behind the row's lock."""
        statement = _change(frozenset(values))
        values |= _folded(values.get("title"), values.get("description"), values.get("tags"))
        for _ in range(_OPTIMISTIC_TRIES):
            found = await self.fetch(statement, id=task_id, **values)
            if not found or not found[0][-1]:
                break
        else:
            found = await self.fetch_locked(_LOCK, statement, id=task_id, **values)
        if not found:
            raise TaskNotFound
        return Task(*found[0][:-1])


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
