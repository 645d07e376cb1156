"""The condition by which an entry of the log of changes is a task in the trash."""

from typing import Final

from sqlalchemy import ColumnElement, Integer, bindparam, func, literal_column

from todo_api.db.owned import CHANGES

_DAYS: Final = bindparam("trash_days", type_=Integer).op("*")(literal_column("interval '24 hours'"))

IN_TRASH: Final[tuple[ColumnElement[bool], ...]] = (
    CHANGES.c.op == literal_column("'remove'"),
    CHANGES.c.before.is_not(None),
    CHANGES.c.at > func.now().op("-")(_DAYS),
)
"""Conditions of `changes`. The trash is kept for `trash_days`."""
