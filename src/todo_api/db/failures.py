"""Failures of a connection: whether a statement was sent, whether another try helps, and the error for the client."""

import ssl
from typing import Final

import asyncpg

from todo_api.errors import Busy, DatabaseTooSlow, DatabaseUnavailable, OutcomeUnknown, Unavailable, from_database

LOST: Final = (asyncpg.PostgresConnectionError, OSError)
"""The connection failed after the statement was sent, so the server may have run it. TimeoutError is an OSError."""
UNSENT: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Raised before anything was sent: the connection was closed, or an unread server message was waiting."""
_PERMANENT_ERRORS: Final = ("28", "3D", "42", "08P01")
"""SQLSTATEs for which another try to connect is useless: wrong password, database or start-up parameters."""


def refusal(error: BaseException, *, unknown: bool) -> Unavailable:
    """The error for the client after a lost connection. `unknown`: a write may have happened."""
    if unknown:
        return OutcomeUnknown()
    return DatabaseTooSlow() if isinstance(error, TimeoutError) else DatabaseUnavailable()


def refused(error: Exception) -> Unavailable:
    """The error for the client if the server accepts no connection."""
    return Busy() if isinstance(from_database(error), Busy) else DatabaseUnavailable()


def is_permanent(error: BaseException) -> bool:
    if isinstance(error, ssl.SSLCertVerificationError | asyncpg.ClientConfigurationError):
        return True
    return str(getattr(error, "sqlstate", "")).startswith(_PERMANENT_ERRORS)
