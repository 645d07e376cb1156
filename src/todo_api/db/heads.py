"""The part of the user's head row that lists contain: the state for their ETag, and the numbers of tasks.

Both are read in the statement of the list, so they belong to the same moment as its rows. See
docs/decisions/0116-etags-of-lists.md.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, CTE, ColumnElement, Text, any_, bindparam, func, literal_column

from todo_api.db.functions import VERSION
from todo_api.db.owned import HEADS, select_from, select_owned

_HYPHEN: Final[ColumnElement[str]] = literal_column("'-'")
_FUNCTIONS: Final[ColumnElement[str]] = literal_column(f"'{VERSION}'")
_A_DAY_AGO: Final[ColumnElement[Any]] = literal_column("now() - interval '1 day'")

HEAD: Final[CTE] = select_owned(
    HEADS,
    # NULL in the first day of the head row, and without one: a replica of the first release may still run, and its
    # writes do not raise the revision. A list without a state gets a hash as its ETag (http/response.py).
    func.max(func.concat_ws(_HYPHEN, HEADS.c.revision, HEADS.c.epoch, _FUNCTIONS))
    .filter(HEADS.c.made_at <= _A_DAY_AGO)
    .label("state"),
    # NULL as long as `pending` is: until then the functions have not counted the tasks exactly.
    func.max(HEADS.c.tasks).filter(HEADS.c.pending.is_not(None)).label("tasks"),
    func.max(HEADS.c.pending).label("pending"),
).cte("head")
"""One row, also for a user without a head row: the aggregates see to that. `state` is a text that another one replaces
whenever a write of the user, a restored backup or a version of the functions could change an answer."""


def not_known(head: CTE) -> ColumnElement[bool]:
    """The client has none of the states `known`. PostgreSQL evaluates it once, and reads no row if it is false.

    `head` has a column `state`.
    """
    state_is_known = head.c.state == any_(bindparam("known", type_=ARRAY(Text)))
    return select_from(head, state_is_known.is_not(literal_column("true"))).correlate(None).scalar_subquery()


NOT_KNOWN: Final[ColumnElement[bool]] = not_known(HEAD)


class Listed[T](NamedTuple):
    """A list, and the state that it belongs to."""

    content: T | None
    """None: `state` is one of those that the client has."""
    state: str | None
    """None: not known yet."""
