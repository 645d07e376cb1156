"""The history of one task."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET

from todo_api.db.heads import Listed
from todo_api.db.owned import OwnedRepository
from todo_api.db.session import UserSession
from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput, TaskNotFound
from todo_api.features.history.reads import PAGE
from todo_api.features.history.structs import ChangedFields, HistoryEntry, HistoryPage, HistoryQuery
from todo_api.features.tasks.stored import STORED, decode_values, fields_of
from todo_api.http.cursor import InvalidCursor, Position, decode, encode

_DECODER: Final = msgspec.msgpack.Decoder(tuple[int, UUID])
_LAST: Final = 2**63 - 1
"""Greater than every revision."""
_OPS: Final = {"remove": "delete", "remove_undone": "delete"}


class HistoryRepository(OwnedRepository):
    def __init__(self, session: UserSession, trash_days: int) -> None:
        super().__init__(session)
        self.trash_days = trash_days

    async def page(self, task_id: UUID, query: HistoryQuery, known: Sequence[str] = ()) -> Listed[HistoryPage]:
        """Returns a page of the task's changes, the newest first, unless `known` has the present state.

        Raises:
            TaskNotFound: the task does not exist, and is not in the trash.
            InvalidInput: the cursor is malformed, or another list's.
        """
        bound_to = f"{self.me} history {task_id}".encode()
        records = await self.fetch(
            PAGE,
            id=task_id,
            known=known,
            trash_days=self.trash_days,
            below=_below(query, bound_to),
            limit=query.limit + 1,
        )
        state, present, in_trash, next_values, *_ = records[0]
        if present is None and not in_trash:
            raise TaskNotFound
        if state in known:
            return Listed(None, state)
        values = decode_values(present) if present else {}
        values |= {
            name: msgspec.json.decode(value)
            for name, value in zip(STORED, next_values, strict=True)
            if value is not None
        }
        rows = [record for record in records if record[4] is not None]
        page = rows[: query.limit]
        cursor = encode(Position(page[-1][4], task_id), bound_to) if len(rows) > query.limit else None
        return Listed(HistoryPage(list(_entries(page, values)), cursor), state)


def _below(query: HistoryQuery, bound_to: bytes) -> int:
    """The revision of the last entry of the page before."""
    if query.cursor is UNSET:
        return _LAST
    try:
        revision: int = decode(query.cursor, _DECODER, bound_to).key
    except InvalidCursor:
        message = "This cursor is not valid: send the `next_cursor` of a page of this list, or none"
        raise InvalidInput([FieldError(["query", "cursor"], message, "cursor_invalid")]) from None
    return revision


def _entries(rows: Sequence[asyncpg.Record], values: dict[str, Any]) -> Iterator[HistoryEntry]:
    """The entries of the rows, the newest first. `values`: those of the task after the newest, by column."""
    for row in rows:
        revision, at, op, version, before = row[4:]
        content = decode_values(before) if before else {}
        old = {name: content[name] for name in STORED if name in content}
        changed = {}
        if op == "create":
            changed = {name: (None, after) for name, after in fields_of(values).items()}
        elif op == "change":
            afters = fields_of({name: values.get(name) for name in old})
            changed = {name: (value, afters[name]) for name, value in fields_of(old).items()}
        yield HistoryEntry(version, at, revision, _OPS.get(op, op), _changed_fields(changed))
        values |= old


def _changed_fields(changed: dict[str, tuple[Any, Any]]) -> ChangedFields:
    pairs = {
        name: {"before": before, "after": after}
        for name, (before, after) in changed.items()
        # An undo can set `completed_at` to another instant.
        if name != "completed" or before != after
    }
    return msgspec.convert(pairs, ChangedFields)
