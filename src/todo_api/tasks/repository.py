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
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    union_all,
)

from todo_api.db.engine import Statement
from todo_api.db.owned import (
    TAGS,
    TASK_TAGS,
    TASKS,
    OwnedRepository,
    add,
    add_each,
    add_from,
    change,
    out_of,
    remove,
    rows,
)
from todo_api.errors import Busy, OutcomeUnknown, TaskNotFound, Unavailable
from todo_api.fold import fold, fold_title
from todo_api.tasks import idempotency, stale
from todo_api.tasks.columns import PRIORITY_NUMBER, tags_of, task_columns
from todo_api.tasks.idempotency import Created
from todo_api.tasks.structs import Task, TaskCreate, TaskUpdate

_OPTIMISTIC_TRIES: Final = 3

Versions = frozenset[int] | None
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
def _create(*, tagged: bool, keyed: bool = False) -> Statement:
    values: dict[str, ColumnElement[Any]] = {
        "id": _ID,
        "title": bindparam("title", type_=Text),
        "description": bindparam("description", type_=Text),
        "priority": bindparam("priority", type_=SmallInteger),
        "due_date": bindparam("due_date", type_=Date),
        "title_folded": _TITLE_FOLDED,
        "description_folded": _DESCRIPTION_FOLDED,
    }
    if keyed:
        claim = idempotency.claimed(_ID)
        values |= {"id": claim.c.task_id, "created_at": claim.c.created_at, "updated_at": claim.c.created_at}
        created = add_from(TASKS, values, claim).returning(TASKS.c.id).cte("created")
        kept = idempotency.answer(claim).add_cte(created, *(_link(created) if tagged else ()))
        # A second run meets the first one's key.
        return Statement(kept, repeatable=True)
    created = add(TASKS, values).returning(*TASKS.c).cte("created")
    answer = out_of(created, *task_columns(created, _TAG_NAMES))
    # The id is made here, so that a second run meets the first one's row: see `TaskRepository._insert`.
    return Statement(answer.add_cte(*_link(created)) if tagged else answer, repeatable=True)


_GET: Final = Statement(rows(TASKS, *task_columns(TASKS, tags_of(TASKS))).where(TASKS.c.id == _ID))
_REMOVE: Final = Statement(remove(TASKS).where(TASKS.c.id == _ID).returning(TASKS.c.id))
_LOCK: Final = Statement(rows(TASKS, TASKS.c.id).where(TASKS.c.id == _ID).with_for_update())


@cache
def _change(fields: frozenset[str], *, matched: bool = False) -> Statement:
    """Changes what is sent, if that differs from what is there, and answers with the task as it is then.

    All steps of a statement see the database as it was when the statement began, even after it waited for another
    writer's lock. So the update also demands the version that `seen` has; when it lost that race the last column is
    true and the statement wants to run again. See docs/decisions/0005-one-statement-one-snapshot.md.

    Where a version is to be `matched` and is not, the column before that says when each field changed last.
    """
    seen = rows(TASKS, *TASKS.c, tags_of(TASKS).label("tags")).where(TASKS.c.id == _ID).cte("seen")
    meant, since = (stale.is_meant(seen), stale.unless_meant(seen)) if matched else (_TRUE, stale.MET)
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
        stale.COLUMN_OF.get(field, field): values[field] for field in sorted(fields - {"tags"})
    }
    folded = {"title": {"title_folded": _TITLE_FOLDED}, "description": {"description_folded": _DESCRIPTION_FOLDED}}
    derived = {name: value for field in sorted(fields & folded.keys()) for name, value in folded[field].items()}
    sent = columns | ({"tags": _TAG_NAMES} if "tags" in fields else {})
    differs = and_(meant, or_(*(seen.c[column].is_distinct_from(value) for column, value in sent.items())))
    changed = (
        change(TASKS)
        .where(TASKS.c.id == _ID, TASKS.c.version == seen.c.version, differs)
        .values(
            **columns,
            **derived,
            updated_at=func.statement_timestamp(),
            version=TASKS.c.version + _ONE,
            field_versions=stale.changed_next(seen, sent),
        )
        .returning(*TASKS.c)
        .cte("changed")
    )
    tags = _TAG_NAMES if "tags" in fields else seen.c.tags
    answer = union_all(
        out_of(changed, *task_columns(changed, tags), stale.MET, _FALSE).join_from(changed, seen, _TRUE),
        out_of(seen, *task_columns(seen, seen.c.tags), since, differs).where(~exists(out_of(changed, changed.c.id))),
    )
    if "tags" in fields:
        dropped = remove(TASK_TAGS).where(TASK_TAGS.c.task_id == changed.c.id, TASK_TAGS.c.tag != func.all(_TAG_NAMES))
        answer = answer.add_cte(dropped.cte("dropped"), *_link(changed))
    return Statement(answer)


class TaskRepository(OwnedRepository):
    async def get(self, task_id: UUID) -> Task:
        return _one(await self.fetch(_GET, id=task_id))

    async def create(self, task: TaskCreate, key: str | None = None) -> Created:
        """Once, where an Idempotency-Key is given.

        Raises:
            IdempotencyKeyReused: it was given with another task.
        """
        statement = _create(tagged=bool(task.tags), keyed=key is not None)
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
            return Created(await self._insert(statement, values), repeated=False)
        values |= {"key": key, "fingerprint": idempotency.fingerprint(task)}
        for _ in range(_OPTIMISTIC_TRIES):
            if found := await self.fetch(statement, **values):
                answer = idempotency.created(self.me, task, found[0])
                # Our own task, found again after its first answer was lost, is not repeated to anybody.
                return answer._replace(repeated=answer.repeated and answer.task.id != values["id"])
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
        elif not await self.fetch(_REMOVE, id=task_id):
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
        return await self._settle(_change(frozenset(values), matched=meant is not None), task_id, values, meant)

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
            found = await self.fetch_locked(_LOCK, statement, id=task_id, **given)
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
