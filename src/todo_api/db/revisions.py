"""Waits for changes of users: those of this worker, and those of other workers by one poll of the head rows."""

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import asyncpg
from sqlalchemy import ARRAY, Text, bindparam, func, select

from todo_api.db.statement import Statement
from todo_api.db.tables import HeadRow
from todo_api.errors import TooManyRequests, Unavailable

_MOST_WAITING: Final = 10
"""Requests of one user in this worker that wait at once."""
_REMEMBERED: Final = 10_000
"""Users whose last revision is kept, so that a write between a read and its wait is not overlooked."""
_ACTIVE_SECONDS: Final = 60
"""After a change elsewhere was seen, the shortest pause is used for this time."""
_SLOWER: Final = 1.5
_SPREAD: Final = 0.2
"""A pause is longer or shorter by up to this part, so that workers do not poll together."""
_LOG: Final = logging.getLogger(__name__)

REVISIONS: Final = Statement(
    select(HeadRow.user_id, HeadRow.revision).where(HeadRow.user_id == func.any(bindparam("users", type_=ARRAY(Text))))
)
"""The only statement about more than one user. It reads nothing but their revisions."""

Read = Callable[[list[str]], Awaitable[Mapping[str, int]]]


class Revisions:
    """The last revision of users, as far as this worker knows it.

    While nobody waits, no query is sent, so that a suspended database stays suspended.
    """

    def __init__(self, read: Read, shortest: float, longest: float) -> None:
        """`read`: the revisions of these users, from the database. `shortest`, `longest`: seconds between two polls."""
        self._read = read
        self._shortest, self._longest = shortest, longest
        self._known: OrderedDict[str, int] = OrderedDict()
        self._waiting: dict[str, dict[asyncio.Future[bool], int]] = {}
        self._poll: asyncio.Task[None] | None = None
        self._stopping = False

    def raised(self, user: str, revision: int) -> None:
        """A write of this worker, or a poll, shows that the user's revision is at least this."""
        if revision > self._known.get(user, 0):
            self._known[user] = revision
            self._known.move_to_end(user)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        for future, known in self._waiting.get(user, {}).items():
            if revision > known and not future.done():
                future.set_result(True)

    async def wait(self, user: str, known: int, seconds: float) -> bool:
        """Waits until the user's revision is greater than `known`. False: it is not after `seconds`, or at a stop.

        Raises:
            TooManyRequests: ten requests of the user wait already.
        """
        if self._known.get(user, 0) > known:
            return True
        if self._stopping:
            return False
        waiting = self._waiting.setdefault(user, {})
        if len(waiting) >= _MOST_WAITING:
            raise TooManyRequests
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting[future] = known
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._poll_while_somebody_waits())
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return False
        finally:
            del waiting[future]
            if not waiting and self._waiting.get(user) is waiting:
                del self._waiting[user]

    def stop(self) -> None:
        """Ends all waits, and those that begin later: the worker stops."""
        self._stopping = True
        for waiting in self._waiting.values():
            for future in waiting:
                if not future.done():
                    future.set_result(False)
        if self._poll is not None:
            self._poll.cancel()

    async def _poll_while_somebody_waits(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._shortest
        active_until = loop.time() + _ACTIVE_SECONDS
        while self._waiting:
            await asyncio.sleep(pause * random.uniform(1 - _SPREAD, 1 + _SPREAD))  # noqa: S311 - not for cryptography
            if await self._changes_elsewhere():
                active_until = loop.time() + _ACTIVE_SECONDS
            pause = self._shortest if loop.time() < active_until else min(pause * _SLOWER, self._longest)

    async def _changes_elsewhere(self) -> bool:
        """Reads the revisions of all users for whom somebody waits. Whether one has changed."""
        users = list(self._waiting)
        if not users:
            return False
        try:
            revisions = await self._read(users)
        except (Unavailable, asyncpg.PostgresError) as error:
            _LOG.info("revisions: the poll failed: %s", type(error).__name__)
            return False
        changed = [user for user, revision in revisions.items() if revision > self._known.get(user, 0)]
        for user, revision in revisions.items():
            self.raised(user, revision)
        return bool(changed)
