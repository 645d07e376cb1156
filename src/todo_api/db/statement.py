"""Statements, compiled once."""

from typing import Any, Final

from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.dml import UpdateBase

_DIALECT: Final = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's


class Statement:
    """A statement compiled once: its SQL for the driver, and the names of its arguments in the driver's order.

    Compiling in each request costs more than the database does (docs/decisions/0004-one-round-trip.md).

    `repeatable` says that running it twice does no more than once, so that it may be sent again when its answer was
    lost: true for all that only read (docs/decisions/0060-retries.md).
    """

    __slots__ = ("names", "repeatable", "sql", "writes")

    def __init__(self, element: ClauseElement, *, repeatable: bool = False) -> None:
        compiled: Any = element.compile(dialect=_DIALECT)
        self.sql: str = compiled.string
        self.names: tuple[str, ...] = tuple(compiled.positiontup)
        self.writes = isinstance(element, UpdateBase) or any(
            isinstance(cte.element, UpdateBase) for cte in compiled.ctes or ()
        )
        self.repeatable = repeatable or not self.writes
        constants = sorted(name for name in set(self.names) if compiled.params[name] is not None)
        if constants:
            raise ValueError(f"a value is baked into the statement: {constants}: name it with bindparam()")
