"""One user's session: what advanced-alchemy's query repository needs of one, without a transaction."""

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar

import asyncpg
from sqlalchemy import Alias, Result, Select, Table
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ColumnClause
from sqlalchemy.sql.selectable import CompoundSelect

from todo_api.db.database import Database
from todo_api.db.statement import DIALECT, OneTimeStatement, Statement
from todo_api.observability.context import StatementTimer


class UnownedStatement(Exception):
    """The statement reads a table without `user_id = :me`, or it writes. It was not sent."""


class UserSession:
    """Each statement is one round trip and commits by itself. The session binds `me` and `issued`, never the caller.

    `bind.dialect` and `execute` are what `SQLAlchemyAsyncQueryRepository` calls.
    It has no unit of work and no identity map: a result has rows, not entities.
    """

    __slots__ = ("database", "issued", "me")
    bind: ClassVar = SimpleNamespace(dialect=DIALECT)

    def __init__(self, database: Database, me: str, issued: datetime | None = None) -> None:
        """`issued`: when the user's token was issued. None: before the account was erased, if it ever was."""
        self.database = database
        self.me = me
        self.issued = issued

    async def fetch(self, statement: Statement, values: dict[str, Any]) -> list[asyncpg.Record]:
        """Rows of a statement that was compiled before.

        Raises:
            UnownedStatement: it has no parameter `me`.
            unavailable.Unavailable, asyncpg.PostgresError: as `Database.fetch`.
        """
        if not statement.owned:
            raise UnownedStatement(statement.sql)
        values["me"] = self.me
        values["issued"] = self.issued
        with StatementTimer():
            return await self.database.fetch(statement, values)

    async def execute(
        self,
        statement: Select[Any] | CompoundSelect[Any],
        params: Mapping[str, Any] | None = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> Result[Any]:
        """Runs a select that is compiled now, which costs more CPU time than the database needs for it.

        Values go to the driver as they are, and rows hold the driver's values: SQLAlchemy's processors do not run.
        `execution_options` are accepted, as a session does, and have no effect.

        Raises:
            UnownedStatement: a table in it has no `user_id = :me`, or it writes.
            unavailable.Unavailable, asyncpg.PostgresError: as `Database.fetch`.
        """
        unowned = _unowned_tables(statement)
        if unowned:
            raise UnownedStatement(f"no `user_id = :me` for {', '.join(unowned)}: {statement}")
        prepared = OneTimeStatement(statement, {**(params or {}), "me": self.me})
        if prepared.writes:
            raise UnownedStatement(f"a session only reads: {statement}")
        records = await self.fetch(prepared, prepared.values)
        return IteratorResult(SimpleResultMetaData(statement.exported_columns.keys()), map(tuple, records))


def _unowned_tables(statement: Select[Any] | CompoundSelect[Any]) -> list[str]:
    """Names of the tables that are mentioned in `statement` and nowhere compared with `:me`."""
    tables: set[Table | Alias] = set()
    owned: set[Any] = set()
    for element in visitors.iterate(statement):
        match element:
            case Table() | Alias(element=Table()):
                tables.add(element)
            case BinaryExpression(
                operator=operators.eq, left=ColumnClause(name="user_id", table=table), right=BindParameter(key="me")
            ):
                owned.add(table)
    return sorted(table.name for table in tables - owned)
