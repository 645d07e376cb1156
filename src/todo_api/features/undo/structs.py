"""Structs of requests and responses."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from todo_api.errors import UndoConflict
from todo_api.features.changes.structs import TaskChange, TaskDeletion
from todo_api.features.tasks.fields import Field


class Undo(Struct, frozen=True, forbid_unknown_fields=True):
    """The write to take back."""

    change_id: Annotated[int, Meta(ge=1, le=2**63 - 1, description="The `Change-Id` of the answer to the write.")]


class TaskConflict(Struct, frozen=True):
    """A task that did not go back as a whole."""

    id: UUID
    fields: Annotated[
        list[Field],
        Meta(
            description="The fields that were changed again since, so they stay as they are. Empty: the task was "
            "deleted, or restored."
        ),
    ]


class Undone(Struct, frozen=True):
    changes: Annotated[
        list[TaskChange | TaskDeletion], Meta(description="The tasks that went back, as in a page of changes.")
    ]
    conflicts: list[TaskConflict]


class UndoRefusal(Struct, frozen=True):
    """The answer to an undo that could take nothing back. Nothing was changed."""

    conflicts: list[TaskConflict]
    detail: str = UndoConflict.detail
    code: str = UndoConflict.code
