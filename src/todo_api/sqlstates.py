"""The errors of PostgreSQL, as errors for the client."""

from typing import Final

import asyncpg

from todo_api.error_bodies import FieldError
from todo_api.errors import AccountErased, ApiError, Conflict, InternalError, InvalidInput
from todo_api.unavailable import Busy, DatabaseTooSlow, DatabaseUnavailable, NotMigrated, ReadOnly, StorageFull

_MEANINGS: Final[dict[str, type[ApiError]]] = {
    "ZE001": AccountErased,
    "08": DatabaseUnavailable,
    "57P": DatabaseUnavailable,
    "57014": DatabaseTooSlow,
    "25006": ReadOnly,
    "53100": StorageFull,
    "53": Busy,
    "40001": Busy,
    "40P01": Busy,
    "55P03": Busy,
    "23503": Conflict,
    "23505": Conflict,
    "23P01": Conflict,
    "3F000": NotMigrated,
    "42703": NotMigrated,
    "42883": NotMigrated,
    "42P01": NotMigrated,
}
"""By SQLSTATE or its first characters. The first match counts, so longer ones come first. PostgreSQL has no class ZE:
`make_head` raises ZE001.
"""


def from_database(error: Exception) -> ApiError:
    """Maps an exception of the driver to an error for the client, by SQLSTATE.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    if isinstance(error, ApiError):
        return error
    state = getattr(error, "sqlstate", None)
    if isinstance(error, asyncpg.PostgresError) and state:
        if state.startswith("22"):  # data exception
            return InvalidInput([FieldError(["body"], "A value cannot be stored", "value_error")])
        return next((meaning for start, meaning in _MEANINGS.items() if state.startswith(start)), InternalError)()
    return InternalError()
