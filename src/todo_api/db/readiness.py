"""Readiness: whether the database can be used, as the last statements showed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from todo_api.db.backoff import pause
from todo_api.unavailable import DatabaseUnavailable, Unavailable

_START_SECONDS: Final = 30
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 1.6
"""Seconds between two checks of a database that is not up yet."""
_CACHE_SECONDS: Final = 0.5
"""After a failed check, all callers get the same result for this time."""
_LOG: Final = logging.getLogger(__name__)


class DatabaseHealth:
    """Readiness reuses the result of the last statement, so probes do not wake a suspended Neon database.

    The result is unknown after a failure, and after an idle connection was closed by the other side. A statement that
    took too long is not a failure if its connection still answers.
    """

    def __init__(self, ping: Callable[[], Awaitable[None]]) -> None:
        self._ping = ping
        self._up = False
        self._down = False
        self._checked_at = -_CACHE_SECONDS
        self._checking = asyncio.Lock()

    @property
    def is_down(self) -> bool:
        """The last connection or test query failed."""
        return self._down

    def succeeded(self) -> None:
        """A statement was answered."""
        self._up = True
        if self._down:
            self._down = False
            _LOG.warning("database: back")

    def mark_unknown(self) -> None:
        """The next check sends a query."""
        self._up = False

    def failed(self, error: BaseException, *, connecting: bool = False, full: bool = False) -> None:
        """A statement or a connection failed.

        `connecting`: no statement was sent, so the error's text contains no user's data and can be logged.
        `full`: the pool was exhausted, which says nothing about the database.
        """
        self._up = self._up and full
        if not full and not self._down:
            self._down = True
            _LOG.warning("database: away: %s", _line(error) if connecting else type(error).__name__)

    async def check(self) -> None:
        """Returns if the database can be used. Sends a query only if that is unknown.

        Raises:
            Unavailable: the database cannot be used.
        """
        if self._up:
            return
        async with self._checking:
            now = asyncio.get_running_loop().time()
            if self._up:
                return
            if self._down and now - self._checked_at < _CACHE_SECONDS:
                raise DatabaseUnavailable
            try:
                await self._ping()
            finally:
                self._checked_at = asyncio.get_running_loop().time()

    async def begin(self) -> None:
        """Checks a database that may not be up yet, for 30 s at most. Logs one line if it does not answer."""
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        tries = 0
        while True:
            try:
                await self.check()
            except Unavailable as refusal:
                tries += 1
                if not await pause(tries, deadline, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE):
                    _LOG.error(
                        "database: it has not answered for %s s (%s): requests get 503 until it does; "
                        "check DATABASE_URL",
                        _START_SECONDS,
                        _line(refusal.__cause__ or refusal),
                    )
                    return
            else:
                return


def _line(error: BaseException) -> str:
    message = " ".join(str(error).split()) or type(error).__name__
    hint = "; if this is a pooler, add pgbouncer=true to DATABASE_URL" if "startup parameter" in message else ""
    return message + hint
