"""The statement that reads the trash: the entries of the log whose tasks can be restored."""

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Integer, bindparam, func, literal_column, tuple_

from todo_api.db.heads import HEAD, not_known
from todo_api.db.owned import CHANGES, select_from, select_owned
from todo_api.db.statement import Statement
from todo_api.db.tables import INSTANT
from todo_api.db.trash import IN_TRASH

_TRUE: Final[ColumnElement[Any]] = literal_column("true")
_OLDEST: Final = (
    select_owned(CHANGES, CHANGES.c.revision)
    .where(*IN_TRASH)
    .order_by(CHANGES.c.at, CHANGES.c.revision)
    .limit(literal_column("1"))
    .scalar_subquery()
)
# The oldest task leaves the trash when its time is over, without a write. So it is a part of the state.
_STATE: Final = select_from(
    HEAD,
    HEAD.c.state.op("||")(func.concat(literal_column("'-'"), _OLDEST)).label("state"),
).cte("state")
_PAGE: Final = (
    select_owned(CHANGES, CHANGES.c.at, CHANGES.c.revision, CHANGES.c.task_id, CHANGES.c.version, CHANGES.c.before)
    .where(*IN_TRASH)
    .where(
        tuple_(CHANGES.c.at, CHANGES.c.revision)
        < tuple_(bindparam("at", type_=INSTANT), bindparam("revision", type_=BigInteger)),
        not_known(_STATE),
    )
    .order_by(CHANGES.c.at.desc(), CHANGES.c.revision.desc())
    .limit(bindparam("limit", type_=Integer))
    .cte("page")
)
PAGE: Final = Statement(
    select_from(_STATE, _STATE.c.state, *_PAGE.c)
    .outerjoin_from(_STATE, _PAGE, _TRUE)
    .order_by(_PAGE.c.at.desc(), _PAGE.c.revision.desc())
)
"""Rows of the state, then the instant, revision, id, version and content of a task in the trash. One row with only the
state if there are none, or if `known` has it.
"""
