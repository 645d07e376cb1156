"""Whether the database can be used, as the last statements showed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from todo_api.errors import DatabaseUnavailable, Unavailable

_START_SECONDS: Final = 30
_PAUSES: Final = (0.2, 0.4, 0.8, 1.6)
"""Seconds between looks at a database that is not up yet; the last one repeats."""
_KNOWN_SECONDS: Final = 0.5
"""A database that was away is looked for this often at most, however many ask."""
_LOG: Final = logging.getLogger(__name__)


class DatabaseHealth:
    """Readiness that does not keep a sleeping database awake: as long as the last word was good, nobody asks again.

    The last word is any statement's answer, any failure, or the end of an idle connection that we did not end.
    """

    def __init__(self, ping: Callable[[], Awaitable[None]]) -> None:
        self._ping = ping
        self._up = False
        self._down = False
        self._asked_at = -_KNOWN_SECONDS
        self._asking = asyncio.Lock()

    def succeeded(self) -> None:
        self._up = True
        if self._down:
            self._down = False
            _LOG.warning("database: back")

    def mark_unknown(self) -> None:
        self._up = False

    def failed(self, error: BaseException, *, connecting: bool = False, full: bool = False) -> None:
        """`connecting`: before any statement, so that the error's text quotes nobody's data. `full`: the pool's fault,
        which says nothing about the database.
        """
        self._up = self._up and full
        if not full and not self._down:
            self._down = True
            _LOG.warning("database: away: %s", _line(error) if connecting else type(error).__name__)

    async def check(self) -> None:
        """Returns when the database can be used.

        Raises:
            Unavailable: it cannot.
        """
        if self._up:
            return
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if self._up:
                return
            if self._down and now - self._asked_at < _KNOWN_SECONDS:
                raise DatabaseUnavailable
            try:
                await self._ping()
            finally:
                self._asked_at = asyncio.get_running_loop().time()

    async def begin(self) -> None:
        """Looks for a database that is perhaps not up yet; says so in one line when that lasts."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _START_SECONDS
        tries = 0
        while True:
            try:
                await self.check()
            except Unavailable as refusal:
                pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
                tries += 1
                if loop.time() + pause > end:
                    _LOG.error(
                        "database: it has not answered for %s s (%s): requests get 503 until it does; "
                        "is DATABASE_URL right?",
                        _START_SECONDS,
                        _line(refusal.__cause__ or refusal),
                    )
                    return
                await asyncio.sleep(pause)
            else:
                return


def _line(error: BaseException) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    hint = "; if this is a pooler, add pgbouncer=true to DATABASE_URL" if "startup parameter" in said else ""
    return said + hint
