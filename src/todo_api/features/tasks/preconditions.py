"""If-Match: which versions a change is meant for, and what else has changed since."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Integer,
    Table,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    null,
)
from sqlalchemy.dialects.postgresql import array

from todo_api.db.owned import TASKS, delete_owned, select_from, select_owned
from todo_api.db.statement import Statement
from todo_api.errors import StaleVersion
from todo_api.features.tasks.columns import tags_of, task_columns
from todo_api.features.tasks.fields import FIELDS
from todo_api.features.tasks.structs import StaleTask, Task
from todo_api.http.conditional import version_tag

COLUMN_OF: Final = {"completed": "completed_at", "toggled": "completed_at"}
MET: Final[ColumnElement[Any]] = cast(null(), ARRAY(Integer))
"""In the place of what has changed since, where nothing else is to be said."""
_ID: Final = bindparam("id", type_=Uuid())
_VERSIONS: Final = bindparam("versions", type_=ARRAY(Integer))
_ONE: Final[ColumnElement[Any]] = literal_column("1")

_EXAMPLE_AT: Final = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)


def is_meant(task: Table | CTE) -> ColumnElement[bool]:
    return task.c.version == func.any(_VERSIONS)


def last_changed(task: Table | CTE) -> list[ColumnElement[Any]]:
    """The version in which each of FIELDS changed last; where nothing says so, the present one."""
    return [
        literal_column(f"coalesce({task.name}.field_versions[{position}], {task.name}.version)", Integer)
        for position, _ in enumerate(FIELDS, start=1)
    ]


def changed_next(seen: CTE, sent: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    """`field_versions` after a change of `seen` to `sent`, by column."""
    columns = [COLUMN_OF.get(field, field) for field in FIELDS]
    return array(
        [
            case((seen.c[column].is_distinct_from(sent[column]), seen.c.version + _ONE), else_=last)
            if column in sent
            else last
            for column, last in zip(columns, last_changed(seen), strict=True)
        ]
    )


def unless_meant(seen: CTE) -> ColumnElement[Any]:
    """When each field changed last, unless `seen` has a version that was meant.

    A case, since the negation of `= any(…)` is not `!= any(…)`, which SQLAlchemy makes of it.
    """
    return case((is_meant(seen), MET), else_=array(last_changed(seen)))


def _remove() -> Statement:
    """The task as it was; then, as a change says it, what has changed when, and whether a race was lost."""
    seen = select_owned(TASKS, *TASKS.c, tags_of(TASKS).label("tags")).where(TASKS.c.id == _ID).cte("seen")
    removed = delete_owned(TASKS).where(TASKS.c.id == _ID, is_meant(TASKS)).returning(TASKS.c.id).cte("removed")
    missed = and_(is_meant(seen), ~exists(select_from(removed, removed.c.id)))
    return Statement(select_from(seen, *task_columns(seen, seen.c.tags), unless_meant(seen), missed))


REMOVE: Final = _remove()
LOOK: Final = Statement(
    select_owned(TASKS, *task_columns(TASKS, tags_of(TASKS)), array(last_changed(TASKS))).where(TASKS.c.id == _ID)
)


def refusal(current: Task, changed: list[int], meant: frozenset[int]) -> StaleVersion:
    """`changed`: the version in which each of FIELDS changed last. `meant`: the versions that the client named."""
    named = max((version for version in meant if version < current.version), default=0)
    fields = [field for field, version in zip(FIELDS, changed, strict=True) if version > named]
    return StaleVersion(StaleTask(current, fields), version_tag(current.version))


EXAMPLE: Final = refusal(
    Task(
        id=UUID("7b0f7c5e-51f5-4f4b-8d7a-3f1f1f0c9a11"),
        user_id="ann",
        title="Buy oat milk",
        description=None,
        completed=False,
        priority="High",
        due_date=None,
        tags=["shopping"],
        completed_at=None,
        created_at=_EXAMPLE_AT,
        updated_at=_EXAMPLE_AT,
        version=4,
    ),
    [4, 1, 1, 2, 1, 1],
    frozenset({3}),
)
"""For the OpenAPI document."""
