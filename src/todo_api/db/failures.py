"""Failures of a connection: whether a statement was sent, whether another try helps, and the error for the client."""

import re
import ssl
from typing import Final

import asyncpg

from todo_api.sqlstates import from_database
from todo_api.unavailable import Busy, DatabaseTooSlow, DatabaseUnavailable, OutcomeUnknown, Unavailable

LOST: Final = (asyncpg.PostgresConnectionError, OSError)
"""The connection failed after the statement was sent, so the server may have run it. TimeoutError is an OSError."""
UNSENT: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Raised before anything was sent: the connection was closed, or an unread server message was waiting."""
_PERMANENT_ERRORS: Final = ("28", "3D", "42", "08P01")
"""SQLSTATEs for which another try to connect is useless: wrong password, database or start-up parameters."""
_NODE_LOST: Final = re.compile(r"08|57P|XX000 failure on connection marked as essential")
"""Start of SQLSTATE and message if the coordinator of a Citus cluster lost the node that has the user's rows."""
_NODE_NOT_REACHED: Final = re.compile(
    r"could not establish any connection|failed with the following error: "
    r"(Connection refused|No route to host|Network is unreachable|could not translate host name|timeout expired"
    r"|FATAL:  the database system is |FATAL:  sorry, too many clients|FATAL:  remaining connection slots)"
)
"""In the message if the coordinator could not connect to the node, so that nothing was sent there.

Citus gives one SQLSTATE, 08006, for this and for a connection that was lost in the middle. The texts are libpq's. A
coordinator whose `lc_messages` is another language sends others, which count as lost in the middle.
"""
_CANCELLED: Final = "57014"


def refusal(error: BaseException, *, unknown: bool) -> Unavailable:
    """The error for the client after a lost connection. `unknown`: a write may have happened."""
    if unknown:
        return OutcomeUnknown()
    return DatabaseTooSlow() if isinstance(error, TimeoutError) else DatabaseUnavailable()


def is_lost(error: BaseException) -> bool:
    """Whether the connection failed. An error that the server sends as an answer is not that, whatever its SQLSTATE."""
    return isinstance(error, LOST) and not is_answer(error)


def is_answer(error: BaseException) -> bool:
    """Whether the server sent the error and continues. After FATAL and PANIC it closes the connection.

    https://www.postgresql.org/docs/current/protocol-error-fields.html
    """
    return isinstance(error, asyncpg.PostgresError) and getattr(error, "severity_en", None) == "ERROR"


def interruption(error: BaseException, *, writes: bool, cluster: bool) -> Unavailable | None:
    """The error for the client if a node of a Citus cluster was lost during the statement. None for all other errors.

    `cluster`: the server is a coordinator. It cancels a statement also while the node commits, and then does not know
    whether it did: of a write that took too long, the outcome is unknown.
    """
    if not is_answer(error):
        return None
    state = str(getattr(error, "sqlstate", ""))
    if cluster and writes and state == _CANCELLED:
        return OutcomeUnknown()
    if not _NODE_LOST.match(f"{state} {error}"):
        return None
    return OutcomeUnknown() if writes and not _NODE_NOT_REACHED.search(str(error)) else DatabaseUnavailable()


def refused(error: Exception) -> Unavailable:
    """The error for the client if the server accepts no connection."""
    return Busy() if isinstance(from_database(error), Busy) else DatabaseUnavailable()


def is_permanent(error: BaseException) -> bool:
    if isinstance(error, ssl.SSLCertVerificationError | asyncpg.ClientConfigurationError):
        return True
    return str(getattr(error, "sqlstate", "")).startswith(_PERMANENT_ERRORS)
