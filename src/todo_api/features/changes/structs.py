"""Structs of requests and responses."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from todo_api.features.tasks.structs import Task


class TaskChange(Struct, frozen=True, tag_field="kind", tag="task"):
    """A task that was created or changed, as it is now."""

    task: Task


class TaskDeletion(Struct, frozen=True, tag_field="kind", tag="task_deleted"):
    """A task that was deleted. Ignore it if you do not have the task."""

    id: UUID
    version: Annotated[int, Meta(ge=1, description="Greater than every version of the task.")]


class ChangePage(Struct, frozen=True):
    """A page of changes, in the order of their last commit. Each task is in it once."""

    changes: list[TaskChange | TaskDeletion]
    cursor: Annotated[str, Meta(description="Opaque: send it with the next request. Keep it only with the page.")]
    has_more: Annotated[bool, Meta(description="Whether another page can be read at once.")]
    change_id: Annotated[
        int, Meta(ge=0, description="The page, and the pages before it, contain all changes up to this `Change-Id`.")
    ]


Cursor = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=4096,
        description="The `cursor` of the page before. Without it, the pages contain every task and no deletions.",
    ),
]


class ChangeQuery(Struct, frozen=True, kw_only=True):
    """Parameters of the changes."""

    cursor: Cursor | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=500, description="Changes on a page.")] = 100
    wait: Annotated[
        int,
        Meta(
            ge=0,
            le=25,
            description="Seconds to wait for a change if there is none. The answer comes as soon as there is one.",
        ),
    ] = 0
