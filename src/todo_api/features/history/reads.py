"""The statement that reads the entries of one task in the log of changes."""

from itertools import chain
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Integer, Uuid, bindparam, func, literal_column
from sqlalchemy.dialects.postgresql import array

from todo_api.db.heads import HEAD, NOT_KNOWN
from todo_api.db.owned import CHANGES, TASKS, select_from, select_owned
from todo_api.db.statement import Statement
from todo_api.db.trash import IN_TRASH
from todo_api.features.tasks.columns import tags_of
from todo_api.features.tasks.stored import STORED

_TRUE: Final[ColumnElement[Any]] = literal_column("true")
_ONE: Final[ColumnElement[Any]] = literal_column("1")
_OF_TASK: Final = CHANGES.c.task_id == bindparam("id", type_=Uuid())
_BELOW: Final = bindparam("below", type_=BigInteger)


def _next_value(column: str) -> ColumnElement[Any]:
    """The column in the first entry above the page that changed it: its value after the last entry of the page."""
    name: ColumnElement[str] = literal_column(f"'{column}'")
    value = select_owned(CHANGES, CHANGES.c.before.op("->")(name))
    above = value.where(_OF_TASK, CHANGES.c.revision >= _BELOW, CHANGES.c.before.op("?")(name))
    return above.order_by(CHANGES.c.revision).limit(_ONE).scalar_subquery()


def _present() -> ColumnElement[Any]:
    values = {name: func.to_jsonb(tags_of(TASKS) if name == "tags" else TASKS.c[name]) for name in STORED}
    pairs = chain.from_iterable((literal_column(f"'{name}'"), value) for name, value in values.items())
    task = select_owned(TASKS, func.jsonb_build_object(*pairs)).where(TASKS.c.id == bindparam("id", type_=Uuid()))
    return task.scalar_subquery()


_IN_TRASH: Final = select_owned(CHANGES, _TRUE).where(_OF_TASK, *IN_TRASH).limit(_ONE).scalar_subquery()
_TOP: Final = select_from(
    HEAD,
    HEAD.c.state,
    _present().label("present"),
    _IN_TRASH.label("in_trash"),
    array([_next_value(name) for name in STORED]).label("next_values"),
).cte("top")
_PAGE: Final = (
    select_owned(CHANGES, CHANGES.c.revision, CHANGES.c.at, CHANGES.c.op, CHANGES.c.version, CHANGES.c.before)
    .where(_OF_TASK, CHANGES.c.revision < _BELOW, NOT_KNOWN)
    .order_by(CHANGES.c.revision.desc())
    .limit(bindparam("limit", type_=Integer))
    .cte("page")
)
PAGE: Final = Statement(
    select_from(_TOP, *_TOP.c, *_PAGE.c).outerjoin_from(_TOP, _PAGE, _TRUE).order_by(_PAGE.c.revision.desc())
)
"""Rows of the state, the task's present values by column (NULL: it is deleted), whether it is in the trash (NULL: it is
not), and for each of `STORED` the value after the page (NULL: the present one), then an entry: revision, instant, op,
version and `before`. One row without an entry if there are none, or if `known` has the state.
"""
