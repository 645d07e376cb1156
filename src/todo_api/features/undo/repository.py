"""Undo: one call of a function of writes.sql."""

from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from todo_api.config.limits import DEFAULT_LIMITS, Limits
from todo_api.db.owned import OwnedRepository
from todo_api.db.session import UserSession
from todo_api.db.statement import FunctionCall
from todo_api.errors import ApiError, ChangeNotFound, IdempotencyKeyReused, LimitReached, TooOld, UndoConflict
from todo_api.features.changes.structs import TaskChange, TaskDeletion
from todo_api.features.tasks.fields import FIELDS
from todo_api.features.tasks.stored import task_of
from todo_api.features.undo.structs import TaskConflict, Undone, UndoRefusal

UNDO: Final = FunctionCall("undo_change", "latest", "key_sent", "print", "most", "kept_days")
_ERRORS: Final[dict[str, type[ApiError]]] = {
    "key_reused": IdempotencyKeyReused,
    "limit_reached": LimitReached,
    "too_old": TooOld,
    "unknown": ChangeNotFound,
}
"""By outcome."""


class Written(NamedTuple):
    undone: Undone
    change_id: int
    """The revision of the last change of the undo."""
    replayed: bool
    """It was done before, under the same key."""


class _Changed(msgspec.Struct):
    id: UUID
    version: int
    task: dict[str, Any] | None = None


class UndoRepository(OwnedRepository):
    def __init__(self, session: UserSession, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(session)
        self.limits = limits

    async def undo(self, change_id: int, key: str | None) -> Written:
        """Takes back the write with this number, only once for each Idempotency-Key.

        Raises:
            UndoConflict: nothing could be taken back.
            ChangeNotFound: no write of the user has this number.
            TooOld: the log does not have the write any more, or its task was deleted for good.
            LimitReached: the user has as many tasks as allowed.
            IdempotencyKeyReused: the key came with another request before.
        """
        outcome, revision, tasks, conflicting = await self.call(
            UNDO,
            latest=change_id,
            key_sent=key,
            print=None if key is None else blake2b(b"undo %d" % change_id, digest_size=16).digest(),
            most=self.limits.tasks,
            kept_days=self.limits.kept_days,
        )
        if error := _ERRORS.get(outcome):
            raise error
        conflicts = [_conflict(each) for each in msgspec.json.decode(conflicting)]
        if outcome == "conflict":
            raise UndoConflict(UndoRefusal(conflicts))
        changes = [self._change(msgspec.json.decode(each, type=_Changed)) for each in tasks]
        return Written(Undone(changes, conflicts), revision, outcome == "replayed")

    def _change(self, changed: _Changed) -> TaskChange | TaskDeletion:
        if changed.task is None:
            return TaskDeletion(changed.id, changed.version)
        return TaskChange(task_of(self.me, changed.id, changed.version, changed.task))


def _conflict(stored: dict[str, Any]) -> TaskConflict:
    columns = {"completed" if column == "completed_at" else column for column in stored["fields"]}
    return TaskConflict(UUID(stored["id"]), [field for field in FIELDS if field in columns])
