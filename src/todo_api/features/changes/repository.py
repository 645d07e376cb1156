"""The changes of one user since a cursor."""

from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET

from todo_api.db.owned import OwnedRepository
from todo_api.error_bodies import FieldError
from todo_api.errors import CursorExpired, InvalidInput
from todo_api.features.changes.reads import MAKE_HEAD, SINCE
from todo_api.features.changes.structs import ChangePage, ChangeQuery, TaskChange, TaskDeletion
from todo_api.features.tasks.structs import Task
from todo_api.http.cursor import InvalidCursor, Position, decode, encode

_FIRST_ID: Final = UUID(int=0)
_LAST_ID: Final = UUID(int=2**128 - 1)
_DECODER: Final = msgspec.msgpack.Decoder(tuple[tuple[int, int, int], UUID])


class Place(NamedTuple):
    """A place in the order of changes: after the task or deletion with this revision and id.

    Tasks from before there were revisions have the revision 0 together, so the id is needed. `epoch` and `start` are
    those of a head row. So a user who has tasks, but no head row, has only cursors from before a backup was restored.
    """

    epoch: int
    revision: int
    start: int
    """The revision when the client began without a cursor. It has no use for older deletions."""
    id: UUID

    @property
    def removed_after(self) -> int:
        return max(self.revision, self.start)

    def encoded(self, me: str) -> str:
        return encode(Position((self.epoch, self.revision, self.start), self.id), me.encode())


class ChangeRepository(OwnedRepository):
    async def page(self, query: ChangeQuery) -> ChangePage:
        """Returns the changes after the cursor. It does not wait.

        Raises:
            InvalidInput: the cursor is malformed, or another user's.
            CursorExpired: deletions since the cursor are not known any more, or a backup was restored.
        """
        place = self._place(query)
        after = place or _NOTHING
        values = {
            "revision": after.revision,
            "id": after.id,
            # Without a cursor there is nothing to delete.
            "removed_after": after.removed_after if place else _NEVER,
            "limit": query.limit + 1,
        }
        records = await self.fetch(SINCE, **values)
        if place is None and records[0][0] is None:
            if records[0][1] is None:
                return ChangePage([], _NOTHING.encoded(self.me), has_more=False, change_id=0)
            await self.fetch(MAKE_HEAD)
            records = await self.fetch(SINCE, **values)
        revision, floor, epoch = records[0][0] or (0, 0, None)
        if place is None:
            after = Place(epoch or 0, -1, revision, _FIRST_ID)
        elif place.epoch != epoch or not floor <= place.removed_after <= revision:
            raise CursorExpired
        rows = [record for record in records if record[1] is not None][: query.limit]
        has_more = len(records) > query.limit
        # On the last page the client has everything up to the head.
        end, last = (rows[-1][1], rows[-1][3]) if has_more else (revision, _LAST_ID)
        reached = Place(after.epoch, end, after.start, last)
        return ChangePage(
            changes=[_change(row) for row in rows],
            cursor=query.cursor if query.cursor is not UNSET and reached == place else reached.encoded(self.me),
            has_more=has_more,
            change_id=end,
        )

    def _place(self, query: ChangeQuery) -> Place | None:
        """None: the client has nothing yet."""
        if query.cursor is UNSET:
            return None
        try:
            (epoch, revision, start), last = decode(query.cursor, _DECODER, self.me.encode())
        except InvalidCursor:
            message = "This cursor is not valid: send the `cursor` of a page of this user, or none"
            raise InvalidInput([FieldError(["query", "cursor"], message, "cursor_invalid")]) from None
        return Place(epoch, revision, start, last) if revision >= 0 else None


_NEVER: Final = 2**63 - 1
"""Greater than every revision."""
_NOTHING: Final = Place(0, -1, 0, _FIRST_ID)
"""The place of a client that has nothing because there was nothing. It means the same as no cursor."""


def _change(row: asyncpg.Record) -> TaskChange | TaskDeletion:
    _, _, removed, *columns = row
    return TaskDeletion(columns[0], columns[-1]) if removed else TaskChange(Task(*columns))
