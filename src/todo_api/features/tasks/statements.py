"""The statements that repositories of tasks run: one for each operation and shape."""

from functools import cache
from typing import Any, Final

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

from todo_api.db.owned import (
    TAGS,
    TASK_TAGS,
    TASKS,
    delete_owned,
    insert_missing,
    insert_owned,
    insert_owned_from,
    select_from,
    select_owned,
    update_owned,
)
from todo_api.db.statement import Statement
from todo_api.features.tasks import idempotency
from todo_api.features.tasks import preconditions as stale
from todo_api.features.tasks.columns import tags_of, task_columns

_ID: Final = bindparam("id", type_=Uuid())
_COMPLETED: Final = bindparam("completed", type_=Boolean)
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
        insert_missing(TAGS, {"name": given.c.tag, "name_folded": given.c.folded}, task, given).cte("known"),
        insert_missing(TASK_TAGS, {"task_id": task.c.id, "tag": given.c.tag}, task, given).cte("linked"),
    ]


@cache
def create(*, tagged: bool, keyed: bool = False) -> Statement:
    values: dict[str, ColumnElement[Any]] = {
        "id": _ID,
        "title": bindparam("title", type_=Text),
        "description": bindparam("description", type_=Text),
        "completed_at": case((_COMPLETED, func.now())),
        "priority": bindparam("priority", type_=SmallInteger),
        "due_date": bindparam("due_date", type_=Date),
        "title_folded": _TITLE_FOLDED,
        "description_folded": _DESCRIPTION_FOLDED,
    }
    if keyed:
        claim = idempotency.claimed(_ID)
        at = claim.c.created_at
        completed_at = case((_COMPLETED, at))
        values |= {"id": claim.c.task_id, "completed_at": completed_at, "created_at": at, "updated_at": at}
        created = insert_owned_from(TASKS, values, claim).returning(TASKS.c.id).cte("created")
        kept = idempotency.answer(claim).add_cte(created, *(_link(created) if tagged else ()))
        # A second run meets the first one's key.
        return Statement(kept, repeatable=True)
    created = insert_owned(TASKS, values).returning(*TASKS.c).cte("created")
    answer = select_from(created, *task_columns(created, _TAG_NAMES))
    # The id is made here, so that a second run meets the first one's row: see `TaskRepository._insert`.
    return Statement(answer.add_cte(*_link(created)) if tagged else answer, repeatable=True)


GET: Final = Statement(select_owned(TASKS, *task_columns(TASKS, tags_of(TASKS))).where(TASKS.c.id == _ID))
REMOVE: Final = Statement(delete_owned(TASKS).where(TASKS.c.id == _ID).returning(TASKS.c.id))
LOCK: Final = Statement(select_owned(TASKS, TASKS.c.id).where(TASKS.c.id == _ID).with_for_update())


@cache
def update(fields: frozenset[str], *, matched: bool = False) -> Statement:
    """Changes what is sent, if that differs from what is there, and answers with the task as it is then.

    All steps of a statement see the database as it was when the statement began, even after it waited for another
    writer's lock. So the update also demands the version that `seen` has; when it lost that race the last column is
    true and the statement wants to run again. See docs/decisions/0005-concurrent-changes.md.

    Where a version is to be `matched` and is not, the column before that says when each field changed last.
    """
    seen = select_owned(TASKS, *TASKS.c, tags_of(TASKS).label("tags")).where(TASKS.c.id == _ID).cte("seen")
    meant, since = (stale.is_meant(seen), stale.unless_meant(seen)) if matched else (_TRUE, stale.MET)
    completed = case((_COMPLETED, func.coalesce(seen.c.completed_at, func.statement_timestamp())))
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
        update_owned(TASKS)
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
        select_from(changed, *task_columns(changed, tags), stale.MET, _FALSE).join_from(changed, seen, _TRUE),
        select_from(seen, *task_columns(seen, seen.c.tags), since, differs).where(
            ~exists(select_from(changed, changed.c.id))
        ),
    )
    if "tags" in fields:
        dropped = delete_owned(TASK_TAGS).where(
            TASK_TAGS.c.task_id == changed.c.id, TASK_TAGS.c.tag != func.all(_TAG_NAMES)
        )
        answer = answer.add_cte(dropped.cte("dropped"), *_link(changed))
    return Statement(answer)
