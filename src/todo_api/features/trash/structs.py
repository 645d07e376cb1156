"""Structs of requests and responses."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from todo_api.features.tasks.fields import Instant
from todo_api.features.tasks.structs import Task


class DeletedTask(Struct, frozen=True):
    """A task in the trash."""

    task: Annotated[Task, Meta(description="The task as it was. `version` is that of the deletion.")]
    deleted_at: Instant
    deleted_for_good_at: Annotated[Instant, Meta(description="From this instant on the task is not in the trash.")]


class TrashPage(Struct, frozen=True):
    data: list[DeletedTask]
    next_cursor: Annotated[
        str | None, Meta(description="Opaque: the `cursor` of the next page. Null on the last page.")
    ]


Cursor = Annotated[str, Meta(min_length=1, max_length=4096, description="The `next_cursor` of the page before.")]


class TrashQuery(Struct, frozen=True, kw_only=True):
    """Parameters of the trash."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Tasks on a page.")] = 50
    cursor: Cursor | UnsetType = UNSET
