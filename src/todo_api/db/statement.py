"""Statements as the driver takes them: SQL with numbered parameters, and the parameters' names in that order."""

from collections.abc import Mapping
from typing import Any, Final, cast

from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

from todo_api.db.functions import SCHEMA

DIALECT: Final = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's


class Statement:
    """A statement that is compiled once, when the module is imported or its shape is first used.

    Compiling it in each request would cost more than the database does (docs/decisions/0004-one-round-trip.md).

    `names` are the parameters in the driver's order. `owned`: one of them is `me`.
    `repeatable`: to run it twice does the same as to run it once, so it may be sent again when its answer was lost.
    Every statement that only reads is repeatable (docs/decisions/0060-retries.md).

    Raises:
        ValueError: it contains a value that is not a parameter, so each value would need a statement of its own.
    """

    __slots__ = ("names", "owned", "repeatable", "sql", "writes")

    def __init__(self, element: ClauseElement, *, repeatable: bool = False) -> None:
        compiled: Any = element.compile(dialect=DIALECT)
        self.sql: str = compiled.string
        self.names: tuple[str, ...] = tuple(compiled.positiontup)
        self.owned = "me" in self.names
        self.writes = _writes(element, compiled)
        self.repeatable = repeatable or not self.writes
        constants = sorted(name for name in set(self.names) if compiled.params[name] is not None)
        if constants:
            raise ValueError(f"a value is baked into the statement: {constants}: name it with bindparam()")


class FunctionCall(Statement):
    """A call of a function that writes, of the version that this code knows.

    Its first arguments are `me` and `issued`, which the session binds.

    The SQL is a bare call outside of a transaction: with a cast, a WHERE or in a CTE, a Citus cluster would not hand it
    to the node that has the user.
    """

    __slots__ = ()

    def __init__(self, function: str, *arguments: str, repeatable: bool = False) -> None:
        """`repeatable`: as in `Statement`."""
        self.names = ("me", "issued", *arguments)
        places = ", ".join(f"${number}" for number, _ in enumerate(self.names, 1))
        self.sql = f"select * from {SCHEMA}.{function}({places})"  # noqa: S608 - names of the code, no values
        self.owned = self.writes = True
        self.repeatable = repeatable


class OneTimeStatement(Statement):
    """A statement with its values, compiled for one use. It may contain constants, and lists for `IN`."""

    __slots__ = ("values",)

    def __init__(self, element: ClauseElement, values: Mapping[str, Any]) -> None:
        compiled = cast("SQLCompiler", element.compile(dialect=DIALECT))
        expanded = compiled.construct_expanded_state(dict(values))
        self.sql = expanded.statement
        self.names = tuple(expanded.positiontup or ())
        self.values: dict[str, Any] = dict(expanded.parameters)
        self.owned = "me" in self.names
        self.writes = _writes(element, compiled)
        self.repeatable = not self.writes


def _writes(element: ClauseElement, compiled: Any) -> bool:
    return isinstance(element, UpdateBase) or any(isinstance(cte.element, UpdateBase) for cte in compiled.ctes or ())
