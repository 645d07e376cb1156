"""Selects of one user's rows: each one that begins here contains `user_id = :me`.

Features do not import SQLAlchemy's own select, insert, update and delete; a lint rule refuses it (pyproject.toml).
Writes are functions (docs/write-functions.md).
"""

from collections.abc import Awaitable
from typing import Any, Final, cast

import asyncpg
from advanced_alchemy.repository import SQLAlchemyAsyncQueryRepository
from sqlalchemy import (
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    Table,
    Text,
    bindparam,
    select,
)

from todo_api.db.session import UserSession
from todo_api.db.statement import FunctionCall, Statement
from todo_api.db.tables import ChangeRow, HeadRow, TagRow, TaskRow, TaskTagRow

TASKS: Final = cast("Table", TaskRow.__table__)
TAGS: Final = cast("Table", TagRow.__table__)
TASK_TAGS: Final = cast("Table", TaskTagRow.__table__)
HEADS: Final = cast("Table", HeadRow.__table__)
CHANGES: Final = cast("Table", ChangeRow.__table__)
ME: Final = bindparam("me", type_=Text)


def select_owned(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """The user's rows of `table`: all columns unless some are named."""
    return select(*(columns or table.c)).where(table.c.user_id == ME)


def select_from(step: FromClause, *columns: ColumnElement[Any]) -> Select[Any]:
    """Rows of an earlier step of the same statement, or of a function.

    Raises:
        TypeError: `step` is a table, whose rows belong to all users.
    """
    if isinstance(step, Table):
        raise TypeError(f"select_owned({step.name}), since its rows belong to all users")
    return select(*(columns or step.c)).select_from(step)


def one_row(*values: ColumnElement[Any]) -> Select[Any]:
    """One row of values, which come from subqueries or parameters."""
    return select(*values)


def once(value: ColumnElement[Any]) -> ScalarSelect[Any]:
    """`value`, computed once for the statement instead of once for each row."""
    return select(value).scalar_subquery()


class OwnedRepository(SQLAlchemyAsyncQueryRepository):
    """One user's view of the database: advanced-alchemy's query repository over a `UserSession`.

    The inherited methods (`get_one`, `get_many`, `count`, …) run selects that begin with `select_owned`, compiled for
    each call. `get_one`, `get_one_or_none` and `get_many_and_count` return the first column, `get_many` returns rows.
    Errors are the driver's and the service's own: `wrap_exceptions` is off, as the library's mapping has no word for a
    write whose outcome is unknown.

    Routes that are called often use `fetch` with a `Statement`, which is compiled once
    (docs/decisions/0103-repositories-over-a-user-session.md).
    """

    session: UserSession  # type: ignore[assignment]  # the library names AsyncSession, and calls `bind` and `execute`

    def __init__(self, session: UserSession) -> None:
        super().__init__(session=session, wrap_exceptions=False)  # type: ignore[arg-type]  # as above

    @property
    def me(self) -> str:
        return self.session.me

    def fetch(self, statement: Statement, **values: Any) -> Awaitable[list[asyncpg.Record]]:
        """Rows of `statement`, in one round trip. `me` is bound by the session."""
        return self.session.fetch(statement, values)

    async def call(self, function: FunctionCall, **arguments: Any) -> asyncpg.Record:
        """The answer of a function that writes. Its column `change_id` is the revision, NULL if nothing was written."""
        (answer,) = await self.call_for_rows(function, **arguments)
        return answer

    async def call_for_rows(self, function: FunctionCall, **arguments: Any) -> list[asyncpg.Record]:
        """The rows of a function that writes. The last one has the last revision in `change_id`, as in `call`."""
        answers = await self.session.fetch(function, arguments)
        if (revision := answers[-1]["change_id"]) is not None:
            self.session.database.revisions.raised(self.me, revision)
        return answers
