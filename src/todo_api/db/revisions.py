"""Waits for changes of users: those of this worker, and those of other workers by one poll of the head rows."""

import asyncio
import logging
import random
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Final

import asyncpg
from sqlalchemy import ARRAY, Text, bindparam, func, select

from todo_api.db.statement import Statement
from todo_api.db.tables import HeadRow
from todo_api.errors import TooManyRequests
from todo_api.observability.context import request_context
from todo_api.unavailable import Unavailable

_MOST_WAITING: Final = 10
"""Requests of one user in this worker that wait at once."""
_REMEMBERED: Final = 10_000
"""Users whose last revision is kept, so that a write between a read and its wait is not overlooked."""
_ACTIVE_SECONDS: Final = 60
"""After a change was seen, the shortest pause is used for this time."""
_SLOWER: Final = 1.5
_SPREAD: Final = 0.2
"""A pause is longer or shorter by up to this part, so that workers do not poll together."""
_LOG: Final = logging.getLogger(__name__)

REVISIONS: Final = Statement(
    select(HeadRow.user_id, HeadRow.revision).where(HeadRow.user_id == func.any(bindparam("users", type_=ARRAY(Text))))
)
"""The only statement about more than one user. It reads nothing but their revisions."""

Read = Callable[[list[str]], Awaitable[Mapping[str, int]]]
Wake = Callable[[], None]


class Revisions:
    """The last revision of users, as far as this worker knows it.

    While nobody waits, no query is sent, so that a suspended database stays suspended.
    """

    def __init__(self, read: Read, shortest: float, longest: float) -> None:
        """`read`: the revisions of these users, from the database. `shortest`, `longest`: seconds between two polls."""
        self._read = read
        self._shortest, self._longest = shortest, longest
        self._known: OrderedDict[str, int] = OrderedDict()
        self._watchers: dict[str, list[Wake]] = {}
        self._requests: Counter[str] = Counter()
        """Requests that wait, by user."""
        self._poll: asyncio.Task[None] | None = None
        self._active_until = 0.0
        self._change_seen = asyncio.Event()
        self._stopping = False

    def known(self, user: str) -> int:
        """The user's last revision, as far as it is known; 0 if it is not."""
        return self._known.get(user, 0)

    def raised(self, user: str, revision: int) -> None:
        """A statement of this worker shows that the user's revision is at least this. Wakes those who watch."""
        if revision > self._known.get(user, 0):
            self._set(user, revision)

    def _set(self, user: str, revision: int) -> None:
        self._known[user] = revision
        self._known.move_to_end(user)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        if watchers := self._watchers.get(user):
            self._active_until = asyncio.get_running_loop().time() + _ACTIVE_SECONDS
            self._change_seen.set()
            for wake in [*watchers]:
                wake()

    @contextmanager
    def watching(self, user: str, wake: Wake) -> Iterator[None]:
        """Calls `wake` whenever `known(user)` has changed, and at a stop, while the block runs.

        A change from before the block calls nothing: compare `known(user)` with the revision that was read.
        """
        watchers = self._watchers.setdefault(user, [])
        watchers.append(wake)
        if (self._poll is None or self._poll.done()) and not self._stopping:
            self._poll = asyncio.create_task(self._poll_while_somebody_watches())
        try:
            yield
        finally:
            watchers.remove(wake)
            if not watchers:
                del self._watchers[user]

    async def wait(self, user: str, read: int, seconds: float) -> bool:
        """Waits until the user's revision is another one than `read`. False: it is not after `seconds`, or at a stop.

        Raises:
            TooManyRequests: ten requests of the user wait already.
        """
        self.raised(user, read)
        if self._requests[user] >= _MOST_WAITING:
            raise TooManyRequests
        woken = asyncio.Event()
        began_at = perf_counter()
        self._requests[user] += 1
        try:
            with self.watching(user, woken.set), suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while self.known(user) == read and not self._stopping:
                        await woken.wait()
                        woken.clear()
        finally:
            self._requests[user] -= 1
            if not self._requests[user]:
                del self._requests[user]
            if (context := request_context.get()) is not None:
                context.waited_seconds += perf_counter() - began_at
        return self.known(user) != read

    def stop(self) -> None:
        """Ends all waits of requests, and those that begin later: the worker stops."""
        self._stopping = True
        for watchers in self._watchers.values():
            for wake in watchers:
                wake()
        if self._poll is not None:
            self._poll.cancel()

    async def _poll_while_somebody_watches(self) -> None:
        loop = asyncio.get_running_loop()
        self._active_until = loop.time() + _ACTIVE_SECONDS
        pause = self._shortest
        while self._watchers:
            if loop.time() < self._active_until:
                pause = self._shortest
            else:
                pause = min(pause * _SLOWER, self._longest)
                self._change_seen.clear()
                # A change ends the long pause: more of them may follow, also by other workers.
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, _spread(pause) - self._shortest)):
                        await self._change_seen.wait()
            await asyncio.sleep(_spread(self._shortest))
            try:
                await self._look_elsewhere()
            except (Unavailable, asyncpg.PostgresError) as error:
                _LOG.info("revisions: the poll failed: %s", type(error).__name__)
            except Exception:  # noqa: BLE001 - it must go on: without it streams would wait for ever
                _LOG.exception("revisions: the poll failed")

    async def _look_elsewhere(self) -> None:
        """Reads the revisions of all users for whom somebody watches."""
        before = {user: self.known(user) for user in self._watchers}
        if not before:
            return
        revisions = await self._read([*before])
        for user, known in before.items():
            revision = revisions.get(user, 0)
            self.raised(user, revision)
            if revision < known == self.known(user):
                # A backup was restored, or the head row is gone. The reader finds that its cursor has expired.
                self._set(user, revision)


def _spread(seconds: float) -> float:
    return seconds * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - not for cryptography
