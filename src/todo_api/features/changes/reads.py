"""The statement that reads the changes since a revision: tasks as they are now, and deletions."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Table,
    Uuid,
    and_,
    bindparam,
    cast,
    literal_column,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import array

from todo_api.db.owned import CHANGES, HEADS, TASKS, once, one_row, select_from, select_owned
from todo_api.db.statement import FunctionCall, Statement
from todo_api.db.tables import INSTANT
from todo_api.features.tasks.columns import tags_of, task_columns

# The planner does not see the value of a subquery. If it saw the cursor, it would expect few rows for this value and
# many for an unknown one. So it would plan each execution anew, which takes longer than to find that nothing changed.
_REVISION: Final = once(bindparam("revision", type_=BigInteger))
_ID: Final = once(bindparam("id", type_=Uuid()))
_REMOVED_AFTER: Final = once(bindparam("removed_after", type_=BigInteger))
_LIMIT: Final = bindparam("limit", type_=Integer)
_TRUE: Final[ColumnElement[Any]] = literal_column("true")
_NULL: Final[ColumnElement[Any]] = literal_column("null")


def _labelled(columns: list[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """The columns of a Task with the names c0, c1, … since some of them have no name."""
    return [column.label(f"c{place}") for place, column in enumerate(columns)]


def _changed() -> Any:
    columns = _labelled(task_columns(TASKS, tags_of(TASKS)))
    after = tuple_(TASKS.c.revision, TASKS.c.id) > tuple_(_REVISION, _ID)
    return (
        select_owned(TASKS, TASKS.c.revision, literal_column("false", Boolean).label("removed"), *columns)
        .where(after)
        .order_by(TASKS.c.revision, TASKS.c.id)
        .limit(_LIMIT)
    )


def _removed(table: Table) -> Any:
    """Deletions as rows of the same columns: only the id and the version are set."""
    empty = task_columns(TASKS, tags_of(TASKS))
    values = {0: table.c.task_id, len(empty) - 1: table.c.version}
    columns = _labelled([values.get(place, _NULL) for place, _ in enumerate(empty)])
    return (
        select_owned(table, table.c.revision, literal_column("true", Boolean).label("removed"), *columns)
        .where(table.c.op == literal_column("'remove'"), table.c.revision > _REMOVED_AFTER)
        .order_by(table.c.revision)
        .limit(_LIMIT)
    )


def _statement() -> Statement:
    page = union_all(_changed(), _removed(CHANGES)).subquery("page")
    since = (HEADS.c.erased_at < bindparam("issued", type_=INSTANT)).is_not(_TRUE)
    erased = cast(and_(HEADS.c.erased_at.is_not(None), since), Integer)
    state = select_owned(HEADS, array([HEADS.c.revision, HEADS.c.floor, HEADS.c.epoch, erased])).scalar_subquery()
    head = one_row(state.label("state")).subquery("head")
    rows = select_from(head, head.c.state, *page.c).outerjoin_from(head, page, _TRUE)
    return Statement(rows.order_by(page.c.revision, page.c.c0).limit(_LIMIT))


SINCE: Final = _statement()
"""Rows of the head's revision, floor and epoch, and whether the account was erased after the token was issued (NULL
without a head row), then the revision, whether the task was removed, and the columns of a Task. There is one row with
only the head if nothing changed.
"""

MAKE_HEAD: Final = FunctionCall("make_head", repeatable=True)
"""Makes the user's head row, unless there is one. A cursor is given only to users who have it: see `Place`."""
