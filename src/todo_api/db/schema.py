"""Checks whether the migrations that this code needs have run, and its functions are installed.

Alembic would take 10 MB of each worker. Therefore the revisions are read from the names of the migrations' files.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any, Final

import asyncpg

from todo_api.db.connection import Connection
from todo_api.db.functions import SCHEMA
from todo_api.errors import ApiError
from todo_api.sqlstates import from_database
from todo_api.unavailable import NotMigrated

_PACKAGE: Final = Path(__file__).parents[1]
_IN_CHECKOUT: Final = _PACKAGE.parents[1] / "migrations"
MIGRATIONS: Final = _IN_CHECKOUT if _IN_CHECKOUT.is_dir() else _PACKAGE / "migrations"
"""The folder of the migrations: the checkout's, or else the wheel's copy."""
REVISIONS: Final = tuple(sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("*.py")))
"""The revisions that this code knows, the oldest first."""
_STATE: Final = "select array(select version_num from alembic_version), to_regnamespace($1) is not null"
_CACHE_SECONDS: Final = 0.5
"""While the schema is too old, all callers get the same result for this time."""
_LOG: Final = logging.getLogger(__name__)

Send = Callable[[Connection, float], Awaitable[Any]]


def is_new_enough(revisions: Collection[str]) -> bool:
    """Whether a database at `revisions` has this code's newest revision. An unknown revision counts as a newer one."""
    return any(revision not in REVISIONS[:-1] for revision in revisions)


class Schema:
    """The schema of the database, as readiness needs it.

    A query is sent until the schema is new enough, and again after a statement failed because of a missing table,
    column, schema or function. In between no query is sent, so probes do not wake a suspended database.
    """

    def __init__(self, once: Callable[[Send], Awaitable[Any]]) -> None:
        """`once`: calls its argument with a connection and a time-out in seconds, and returns the result."""
        self._once = once
        self._complete = False
        self._too_old = False
        self._checked_at = -_CACHE_SECONDS
        self._checking = asyncio.Lock()

    def failed(self, error: BaseException) -> None:
        """A statement failed. The next check sends a query if the error shows that something is missing."""
        if isinstance(error, asyncpg.PostgresError) and isinstance(from_database(error), NotMigrated):
            self._complete = False

    async def begin(self) -> None:
        """The check at the start: it logs a schema that is too old. Readiness reports all other errors."""
        with contextlib.suppress(ApiError):
            await self.check()

    async def check(self) -> None:
        """Returns if the schema is that of this code or newer. Sends a query only if that is unknown.

        Raises:
            NotMigrated: the schema is older.
            ApiError: the query failed.
        """
        if self._complete:
            return
        async with self._checking:
            now = asyncio.get_running_loop().time()
            if not self._complete and now - self._checked_at >= _CACHE_SECONDS:
                self._complete = await self._is_complete()
                self._checked_at = now
            if not self._complete:
                raise NotMigrated

    async def _is_complete(self) -> bool:
        try:
            revisions, writes = await self._once(
                lambda connection, seconds: connection.fetchrow(_STATE, SCHEMA, timeout=seconds)
            )
        except asyncpg.UndefinedTableError:
            revisions, writes = [], False
        except asyncpg.InsufficientPrivilegeError:
            _LOG.warning("database: the role cannot read alembic_version, so the revision is not checked")
            return True
        except asyncpg.PostgresError as error:
            raise from_database(error) from error
        complete = writes and is_new_enough(revisions)
        self._report(", ".join(sorted(revisions)) or "nothing", too_old=not complete)
        return complete

    def _report(self, revisions: str, *, too_old: bool) -> None:
        """Logs one line when the schema is found too old, and one when it is migrated after that."""
        if too_old and not self._too_old:
            _LOG.error(
                "database: not migrated: it is at %s, this version needs %s with the schema %s: "
                "run `todo-api database upgrade`",
                revisions,
                REVISIONS[-1],
                SCHEMA,
            )
        elif self._too_old and not too_old:
            _LOG.warning("database: migrated, it is at %s", revisions)
        self._too_old = too_old
