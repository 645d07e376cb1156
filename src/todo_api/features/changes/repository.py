"""The changes of one user since a cursor."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET

from todo_api.db.owned import OwnedRepository
from todo_api.error_bodies import FieldError
from todo_api.errors import AccountErased, CursorExpired, InvalidInput
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


def place_of(me: str, cursor: str, loc: Sequence[str] = ("query", "cursor")) -> Place | None:
    """The place in a cursor of `me`. None: the client has nothing yet.

    Raises:
        InvalidInput: the cursor is malformed, or another user's. `loc` is its place in the request.
    """
    try:
        (epoch, revision, start), last = decode(cursor, _DECODER, me.encode())
    except InvalidCursor:
        message = "This cursor is not valid: send the `cursor` of a page of this user, or none"
        raise InvalidInput([FieldError([*loc], message, "cursor_invalid")]) from None
    return Place(epoch, revision, start, last) if revision >= 0 else None


class ChangeRepository(OwnedRepository):
    async def page(self, query: ChangeQuery) -> ChangePage:
        """Returns the changes after the cursor. It does not wait.

        Raises:
            InvalidInput: the cursor is malformed, or another user's.
            AccountErased: the account was erased after the token was issued.
            CursorExpired: deletions since the cursor are not known any more, a backup was restored, or the account was
                erased.
        """
        place = None if query.cursor is UNSET else place_of(self.me, query.cursor)
        records = await self._since(place, query.limit + 1)
        head = records[0][0]
        if place is None and head is None:
            return _empty_page(self.me)
        if head is None:
            raise CursorExpired
        revision, floor, epoch, _ = head
        after = place or Place(epoch, -1, revision, _FIRST_ID)
        if place is not None and (place.epoch != epoch or not floor <= place.removed_after <= revision):
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

    async def end(self) -> ChangePage:
        """Returns a page without changes. Its cursor stands for now.

        Raises:
            AccountErased: the account was erased after the token was issued.
        """
        ((head, *_), *_) = await self._since(None, 1)
        if head is None:
            return _empty_page(self.me)
        revision, _, epoch, _ = head
        cursor = Place(epoch, revision, revision, _LAST_ID).encoded(self.me)
        return ChangePage([], cursor, has_more=False, change_id=revision)

    async def _since(self, place: Place | None, most: int) -> list[asyncpg.Record]:
        """Rows of `SINCE` after `place`. None: from the beginning, with a head row unless the user has no task."""
        after = place or _NOTHING
        values = {
            "revision": after.revision,
            "id": after.id,
            # Without a cursor there is nothing to delete.
            "removed_after": after.removed_after if place else _NEVER,
            "limit": most,
        }
        records = await self.fetch(SINCE, **values)
        head, revision, *_ = records[0]
        if place is None and head is None and revision is not None:
            await self.fetch(MAKE_HEAD)
            records = await self.fetch(SINCE, **values)
        state = records[0][0]
        if state is not None and state[3]:
            raise AccountErased
        return records


_NEVER: Final = 2**63 - 1
"""Greater than every revision."""
_NOTHING: Final = Place(0, -1, 0, _FIRST_ID)
"""The place of a client that has nothing because there was nothing. It means the same as no cursor."""


def _change(row: asyncpg.Record) -> TaskChange | TaskDeletion:
    _, _, removed, *columns = row
    return TaskDeletion(columns[0], columns[-1]) if removed else TaskChange(Task(*columns))


def _empty_page(me: str) -> ChangePage:
    """For a user who has no task and no head row."""
    return ChangePage([], _NOTHING.encoded(me), has_more=False, change_id=0)
