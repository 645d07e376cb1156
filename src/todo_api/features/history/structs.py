"""Structs of requests and responses."""

from datetime import date
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from todo_api.features.tasks.fields import Instant, Priority


class TextChange(Struct, frozen=True):
    before: str | None
    after: str | None


class FlagChange(Struct, frozen=True):
    before: bool | None
    after: bool


class PriorityChange(Struct, frozen=True):
    before: Priority | None
    after: Priority


class DateChange(Struct, frozen=True):
    before: date | None
    after: date | None


class InstantChange(Struct, frozen=True):
    before: Instant | None
    after: Instant | None


class TagsChange(Struct, frozen=True):
    before: list[str] | None
    after: list[str]


class ChangedFields(Struct, frozen=True):
    """The fields that changed. In the entry of a create: all fields; `before` is null."""

    title: TextChange | UnsetType = UNSET
    description: TextChange | UnsetType = UNSET
    completed: FlagChange | UnsetType = UNSET
    completed_at: InstantChange | UnsetType = UNSET
    priority: PriorityChange | UnsetType = UNSET
    due_date: DateChange | UnsetType = UNSET
    tags: TagsChange | UnsetType = UNSET


class HistoryEntry(Struct, frozen=True):
    """One change of a task."""

    version: Annotated[int, Meta(ge=1, description="The version that this change made.")]
    at: Instant
    change_id: Annotated[int, Meta(ge=1, description="The number of this change. `undo` takes that of its write back.")]
    op: Literal["create", "change", "delete", "restore"]
    changed: Annotated[ChangedFields, Meta(description="Empty if the task was deleted or restored.")]


class HistoryPage(Struct, frozen=True):
    data: list[HistoryEntry]
    next_cursor: Annotated[
        str | None, Meta(description="Opaque: the `cursor` of the next page. Null on the last page.")
    ]


Cursor = Annotated[str, Meta(min_length=1, max_length=4096, description="The `next_cursor` of the page before.")]


class HistoryQuery(Struct, frozen=True, kw_only=True):
    """Parameters of the history."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Changes on a page.")] = 50
    cursor: Cursor | UnsetType = UNSET
