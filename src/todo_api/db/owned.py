"""The only door to a user's rows: every statement that starts here is born with `user_id = :me`.

Features do not import SQLAlchemy's own select, insert, update and delete; a lint rule says so (pyproject.toml).
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import asyncpg
from advanced_alchemy.repository import SQLAlchemyAsyncQueryRepository
from sqlalchemy import (
    ColumnElement,
    Delete,
    FromClause,
    ScalarSelect,
    Select,
    Table,
    Text,
    Update,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert

from todo_api.db.database import Database
from todo_api.db.statement import Statement
from todo_api.db.tables import IdempotencyKeyRow, TagRow, TaskRow, TaskTagRow
from todo_api.observability.context import StatementTimer

TASKS: Final = cast("Table", TaskRow.__table__)
TAGS: Final = cast("Table", TagRow.__table__)
TASK_TAGS: Final = cast("Table", TaskTagRow.__table__)
IDEMPOTENCY_KEYS: Final = cast("Table", IdempotencyKeyRow.__table__)
ME: Final = bindparam("me", type_=Text)


def select_owned(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """My rows of `table`: all columns unless some are named."""
    return select(*(columns or table.c)).where(table.c.user_id == ME)


def insert_owned(table: Table, values: Mapping[str, Any]) -> Insert:
    """A new row of mine."""
    return insert(table).values(user_id=ME, **values)


def insert_owned_from(table: Table, values: Mapping[str, ColumnElement[Any]], *sources: FromClause) -> Insert:
    """A new row of mine for each row of `sources`."""
    return insert(table).from_select(["user_id", *values], select(ME, *values.values()).select_from(*sources))


def insert_missing(table: Table, values: Mapping[str, ColumnElement[Any]], *sources: FromClause) -> Insert:
    """A new row of mine for each row of `sources`, but those that are there already."""
    return insert_owned_from(table, values, *sources).on_conflict_do_nothing()


def update_owned(table: Table) -> Update:
    return update(table).where(table.c.user_id == ME)


def delete_owned(table: Table) -> Delete:
    return delete(table).where(table.c.user_id == ME)


def select_from(step: FromClause, *columns: ColumnElement[Any]) -> Select[Any]:
    """What an earlier step of the same statement gave."""
    return select(*(columns or step.c)).select_from(step)


def once(value: ColumnElement[Any]) -> ScalarSelect[Any]:
    """`value`, worked out once for the statement, not for each row."""
    return select(value).scalar_subquery()


class OwnedRepository(SQLAlchemyAsyncQueryRepository):
    """One user's view of the database.

    The statements go to the driver as compiled, not through a session: that saves two of three round trips and half
    of the CPU time (docs/decisions/0001-the-driver-behind-the-repository.md).
    """

    def __init__(self, database: Database, me: str) -> None:
        self.database = database
        self.me = me

    async def fetch(self, statement: Statement, **values: Any) -> list[asyncpg.Record]:
        values["me"] = self.me
        with StatementTimer():
            return await self.database.fetch(statement, values)

    async def fetch_locked(self, lock: Statement, statement: Statement, **values: Any) -> list[asyncpg.Record]:
        values["me"] = self.me
        with StatementTimer():
            return await self.database.fetch_locked(lock, statement, values)
