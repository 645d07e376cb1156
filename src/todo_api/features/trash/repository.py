"""One user's trash. Each operation is one statement: a select, or a call of a function of writes.sql."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET

from todo_api.config.limits import DEFAULT_LIMITS, Limits
from todo_api.db.heads import Listed
from todo_api.db.owned import OwnedRepository
from todo_api.db.session import UserSession
from todo_api.db.statement import FunctionCall
from todo_api.error_bodies import FieldError
from todo_api.errors import (
    ApiError,
    IdempotencyKeyReused,
    InvalidInput,
    LimitReached,
    TaskDeleted,
    TaskNotFound,
    TrashTooLarge,
)
from todo_api.features.tasks import preconditions, stored
from todo_api.features.tasks.structs import Task
from todo_api.features.trash.reads import PAGE
from todo_api.features.trash.structs import DeletedTask, TrashPage, TrashQuery
from todo_api.http.cursor import InvalidCursor, Position, decode, encode

RESTORE: Final = FunctionCall("restore_task", "which", "versions_sent", "key_sent", "print", "most", "kept_days")
PURGE: Final = FunctionCall("purge_task", "which", "versions_sent", "kept_days")
EMPTY: Final = FunctionCall("empty_trash", "most", "kept_days")
AT_ONCE: Final = 5_000
"""Tasks that one call deletes for good."""
MOST_CALLS: Final = 10
_ERRORS: Final[dict[str, type[ApiError]]] = {
    "key_reused": IdempotencyKeyReused,
    "limit_reached": LimitReached,
    "missing": TaskNotFound,
    "task_deleted": TaskDeleted,
}
"""By outcome."""
_FIRST: Final = Position((datetime(9999, 12, 31, tzinfo=UTC), 2**63 - 1), UUID(int=0))
_DECODER: Final = msgspec.msgpack.Decoder(tuple[tuple[datetime, int], UUID])


class Restored(NamedTuple):
    task: Task
    change_id: int | None
    """The revision of the change; None if nothing was written."""
    replayed: bool = False
    """The task was restored before, under the same key."""


class TrashRepository(OwnedRepository):
    def __init__(self, session: UserSession, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(session)
        self.limits = limits

    async def page(self, query: TrashQuery, known: Sequence[str] = ()) -> Listed[TrashPage]:
        """Returns a page of the trash, the newest first, unless `known` has the present state.

        Raises:
            InvalidInput: the cursor is malformed, or another list's.
        """
        (at, revision), _ = self._position(query)
        records = await self.fetch(
            PAGE, known=known, trash_days=self.limits.trash_days, at=at, revision=revision, limit=query.limit + 1
        )
        state = records[0][0]
        if state in known:
            return Listed(None, state)
        rows = [record for record in records if record[1] is not None]
        page = rows[: query.limit]
        more = len(rows) > query.limit
        cursor = encode(Position((page[-1][1], page[-1][2]), page[-1][3]), self._bound_to) if more else None
        return Listed(TrashPage([self._deleted(row) for row in page], cursor), state)

    async def restore(self, task_id: UUID, if_match: frozenset[int] | None, key: str | None) -> Restored:
        """Takes the task out of the trash, only once for each Idempotency-Key. A live task stays as it is.

        Raises:
            TaskNotFound, StaleVersion: `purge` raises these, too.
            LimitReached: the user has as many tasks as allowed.
            IdempotencyKeyReused: the key came with another request before.
            TaskDeleted: the task that was restored with the key was deleted since.
        """
        answer = await self._write(
            RESTORE,
            if_match,
            which=task_id,
            key_sent=key,
            print=None if key is None else _fingerprint(task_id),
            most=self.limits.tasks,
        )
        outcome, change_id, _, *columns = answer
        return Restored(Task(*columns), change_id, replayed=outcome == "replayed")

    async def purge(self, task_id: UUID, if_match: frozenset[int] | None) -> int:
        """Deletes the task in the trash for good. Returns the revision of the change."""
        change_id: int = (await self._write(PURGE, if_match, which=task_id))["change_id"]
        return change_id

    async def empty(self) -> int | None:
        """Deletes all tasks in the trash for good, in one call for each 5 000 of them.

        Returns the revision of the last change; None if the trash was empty.

        Raises:
            TrashTooLarge: there are still some after ten calls.
        """
        last: int | None = None
        for _ in range(MOST_CALLS):
            _, change_id, tasks_left = await self.call(EMPTY, most=AT_ONCE, kept_days=self.limits.kept_days)
            last = change_id or last
            if not tasks_left:
                return last
        raise TrashTooLarge

    async def _write(self, function: FunctionCall, if_match: frozenset[int] | None, **arguments: Any) -> asyncpg.Record:
        """The function's answer: outcome, revision, versions of the fields, and the columns of a Task."""
        versions = None if if_match is None else list(if_match)
        answer = await self.call(function, **arguments, versions_sent=versions, kept_days=self.limits.kept_days)
        outcome, _, versions, *columns = answer
        if error := _ERRORS.get(outcome):
            raise error
        if outcome == "stale":
            raise preconditions.refusal(Task(*columns), versions, if_match or frozenset())
        return answer

    @property
    def _bound_to(self) -> bytes:
        return f"{self.me} trash".encode()

    def _position(self, query: TrashQuery) -> Position:
        if query.cursor is UNSET:
            return _FIRST
        try:
            return decode(query.cursor, _DECODER, self._bound_to)
        except InvalidCursor:
            message = "This cursor is not valid: send the `next_cursor` of a page of this list, or none"
            raise InvalidInput([FieldError(["query", "cursor"], message, "cursor_invalid")]) from None

    def _deleted(self, row: asyncpg.Record) -> DeletedTask:
        _, at, _, task_id, version, before = row
        task = stored.task_of(self.me, task_id, version, stored.decode_values(before))
        return DeletedTask(task, at, at + self.limits.trash_time)


def _fingerprint(task_id: UUID) -> bytes:
    return blake2b(b"restore" + task_id.bytes, digest_size=16).digest()
