"""Structs of requests and responses."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from todo_api.error_bodies import FieldError
from todo_api.errors import BatchFailed, IdTaken, InvalidInput, LimitReached, StaleVersion, TaskNotFound
from todo_api.features.tasks.fields import Field, Version
from todo_api.features.tasks.structs import Task, TaskCreate, TaskUpdate

MOST_OPERATIONS: Final = 100
MAX_BODY_BYTES: Final = 1024 * 1024
_CODES: Final = [error.code for error in (IdTaken, LimitReached, StaleVersion, TaskNotFound)]

IfVersion = Annotated[
    Version | UnsetType,
    Meta(description="Only if the task has this version, as with `If-Match`. Left out: whatever its version is."),
]


class CreateOperation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op", tag="create"):
    """As `createTask`: 201 with the task."""

    task: TaskCreate


class UpdateOperation(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="op", tag="update"
):
    """As `updateTask`: 200 with the task."""

    id: UUID
    if_version: IfVersion = UNSET
    on_stale: Annotated[Literal["refuse", "merge"], Meta(description="As the parameter of `updateTask`.")] = "refuse"
    task: TaskUpdate


class DeleteOperation(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="op", tag="delete"
):
    """As `deleteTask`: 204 without a task."""

    id: UUID
    if_version: IfVersion = UNSET


class RestoreOperation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op", tag="restore"):
    """As `restoreTask`: 200 with the task."""

    id: UUID


Operation = CreateOperation | UpdateOperation | DeleteOperation | RestoreOperation


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Operations, which are carried out in their order."""

    operations: Annotated[
        list[Operation],
        Meta(min_length=1, max_length=MOST_OPERATIONS, description="No two of them may name the same id."),
    ]
    atomic: Annotated[
        bool,
        Meta(description="True: all operations or none. False: each on its own, so some may fail."),
    ] = True

    def __post_init__(self) -> None:
        named = [
            (["task", "id"], each.task.id) if isinstance(each, CreateOperation) else (["id"], each.id)
            for each in self.operations
        ]
        if errors := _named_twice(named):
            raise InvalidInput(errors)

    @staticmethod
    def check_sent(sent: dict[str, Any]) -> list[FieldError]:
        """The ids that are named twice in a body of which other parts may be wrong."""
        operations = sent.get("operations")
        if not isinstance(operations, list) or len(operations) > MOST_OPERATIONS:
            return []
        return _named_twice(list(map(_id_sent, operations)))


class OperationError(Struct, frozen=True):
    """Why the operation was refused."""

    detail: str
    code: Annotated[str, Meta(extra_json_schema={"enum": _CODES}, description="A stable word for programs.")]


class OperationResult(Struct, frozen=True, omit_defaults=True):
    """The answer that the operation alone would have got."""

    status: Annotated[int, Meta(description="200, 201 or 204; 404, 409 or 412 with `error`.")]
    task: Annotated[Task | UnsetType, Meta(description="The task that was created or changed.")] = UNSET
    error: OperationError | UnsetType = UNSET
    current: Annotated[
        Task | UnsetType | None,
        Meta(
            description="After `stale_version` and `id_taken`: the task as it is at this place of the batch; null if "
            "it was deleted."
        ),
    ] = UNSET
    changed: Annotated[
        list[Field] | UnsetType,
        Meta(description="After `stale_version`: the fields that were changed since the version that was named."),
    ] = UNSET


class BatchResults(Struct, frozen=True):
    """The answer to a batch."""

    results: Annotated[list[OperationResult], Meta(description="One for each operation, in their order.")]


class FailedBatch(Struct, frozen=True):
    """The answer to a batch of which an operation was refused. Nothing was changed."""

    results: Annotated[
        list[OperationResult],
        Meta(description="One for each operation, as if only those with `error` had been refused. None was kept."),
    ]
    detail: str = BatchFailed.detail
    code: str = BatchFailed.code


def _id_sent(operation: Any) -> tuple[list[str], Any]:
    """The path and the value of the id in an operation as it was sent."""
    match operation:
        case {"op": "create", "task": {"id": task_id}}:
            return ["task", "id"], task_id
        case {"op": "update" | "delete" | "restore", "id": task_id}:
            return ["id"], task_id
        case _:
            return [], UNSET


def _named_twice(named: list[tuple[list[str], Any]]) -> list[FieldError]:
    """`named`: the path and the id of each operation. An error for each id that an earlier operation names."""
    seen: set[str] = set()
    errors: list[FieldError] = []
    for place, (path, task_id) in enumerate(named):
        if task_id is not UNSET:
            name = str(task_id).lower().replace("-", "")
            if name in seen:
                message = "An earlier operation of the batch names this id"
                errors.append(FieldError(["body", "operations", place, *path], message, "repeated_id"))
            seen.add(name)
    return errors
