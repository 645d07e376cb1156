"""Reads of pages of changes for streams: few at once, and one for all streams of a token that are at the same place."""

import asyncio
from datetime import UTC, datetime
from typing import Final, NamedTuple

from todo_api.db.database import Database
from todo_api.db.fair_semaphore import FairSemaphore
from todo_api.db.session import UserSession
from todo_api.features.changes.repository import ChangeRepository
from todo_api.features.changes.structs import ChangePage, ChangeQuery, TaskChange
from todo_api.http.event_stream import event
from todo_api.http.response import encoded
from todo_api.unavailable import Busy

_CHANGES: Final = 100
"""On a page."""
_PART_OF_THE_POOL: Final = 3
"""Streams use a third of the connections, so that many that are woken at once do not delay requests."""
_TURN_SECONDS: Final = 3.4


class Page(NamedTuple):
    cursor: str
    change_id: int
    has_more: bool
    event: bytes
    """The event `changes`. Empty without changes."""
    changed_at: datetime | None
    """When the last task on the page changed, by the clock of the database."""


class Pages:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.revisions = database.revisions
        _, _, connections = database.connections()
        self._turns = FairSemaphore(max(1, connections // _PART_OF_THE_POOL))
        self._reading: dict[tuple[str, datetime, str | None], asyncio.Task[Page]] = {}

    def after(self, me: str, issued: datetime, cursor: str | None) -> asyncio.Task[Page]:
        """Reads the page after `cursor`, or, for None, the cursor that stands for now. Shared: do not cancel it.

        `issued`: when the token of the stream was issued.

        Raises, when the task is awaited:
            InvalidInput, AccountErased, CursorExpired: as `ChangeRepository.page`.
            errors.Unavailable, asyncpg.PostgresError: as `Database.fetch`.
        """
        key = me, issued, cursor
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._read(*key))
            task.add_done_callback(lambda done: (self._reading.pop(key), done.cancelled() or done.exception()))
        return task

    async def _read(self, me: str, issued: datetime, cursor: str | None) -> Page:
        try:
            await self._turns.acquire(me, asyncio.get_running_loop().time() + _TURN_SECONDS)
        except TimeoutError as error:
            raise Busy from error
        try:
            changes = ChangeRepository(UserSession(self._database, me, issued))
            page = await (changes.end() if cursor is None else changes.page(ChangeQuery(cursor=cursor, limit=_CHANGES)))
        finally:
            self._turns.release(me)
        self.revisions.raised(me, page.change_id)
        return _page(page)


def _page(page: ChangePage) -> Page:
    last = page.changes[-1] if page.changes else None
    return Page(
        page.cursor,
        page.change_id,
        page.has_more,
        event("changes", encoded(page), id_=page.cursor) if page.changes else b"",
        last.task.updated_at.astimezone(UTC) if isinstance(last, TaskChange) else None,
    )
