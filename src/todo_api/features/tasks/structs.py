"""Structs of requests and responses."""

from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import RFC_4122, UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import force_setattr

from todo_api.error_bodies import FieldError
from todo_api.errors import IdTaken, InvalidInput, StaleVersion
from todo_api.features.tasks.fields import FIELDS, Description, Field, Instant, Priority, Tags, Title, Version


class Task(Struct, frozen=True, gc=False, kw_only=False):
    """A task, as in every answer."""

    id: Annotated[UUID, Meta(description="A UUID of version 4 or 7.")]
    user_id: str
    title: str
    description: str | None
    completed: bool
    priority: Priority
    due_date: date | None
    tags: Annotated[list[str], Meta(description="Sorted by code point.")]
    completed_at: Instant | None
    created_at: Instant
    updated_at: Instant
    version: Annotated[int, Meta(ge=1, description="Starts at 1 and grows by 1 with each change.")]


class StaleTask(Struct, frozen=True):
    """The answer to If-Match when the task has another version. Nothing was changed."""

    current: Annotated[Task, Meta(description="The task as it is now.")]
    changed: Annotated[
        list[Field],
        Meta(
            description="The fields that were changed since the version in If-Match (the newest of several), even if "
            "they were changed back. The other fields are as they were, so a client that changes only those may send "
            "its change again for the current version. All fields if the task never had that version."
        ),
    ]
    detail: str = StaleVersion.detail
    code: str = StaleVersion.code


class TakenId(Struct, frozen=True):
    """The answer to a create with an id that is taken. Nothing was changed."""

    current: Annotated[Task | None, Meta(description="The task that has this id; null if it was deleted.")]
    detail: str = IdTaken.detail
    code: str = IdTaken.code


_CLIENT_ID: Final = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[47][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"


class TaskCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A new task."""

    trimmed: ClassVar[frozenset[str]] = frozenset({"title", "tags"})

    title: Title
    id: Annotated[
        UUID | UnsetType,
        Meta(
            description="A UUID of version 4 or 7 that the client made, so that it can refer to the task before it is "
            "online. Left out: the server makes one. The id of a deleted task stays taken for as long as the log of "
            "changes is kept (30 days, unless the operator changed it; never less than 7). After that it may be used "
            "for a new task, which begins with version 1.",
            extra_json_schema={"pattern": _CLIENT_ID},
        ),
    ] = UNSET
    description: Description | None = None
    completed: bool = False
    priority: Priority = "Medium"
    due_date: date | None = None
    tags: Tags = []

    def __post_init__(self) -> None:
        if self.id is not UNSET and (self.id.variant != RFC_4122 or self.id.version not in (4, 7)):
            raise InvalidInput(
                [FieldError(["body", "id"], "Must be a UUID of version 4 or 7 (RFC 9562)", "uuid_version")]
            )
        _normalize(self)


class TaskUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to a task. Fields that are left out stay as they are; null clears `description` and `due_date`."""

    trimmed: ClassVar[frozenset[str]] = frozenset({"title", "tags"})

    title: Title | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    completed: bool | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    due_date: date | UnsetType | None = UNSET
    tags: Annotated[Tags | UnsetType, Meta(description="Replaces the whole list.")] = UNSET

    def __post_init__(self) -> None:
        _normalize(self)

    def sent(self) -> dict[str, Any]:
        """The fields that the client sent, with their values."""
        return {name: value for name in FIELDS if (value := getattr(self, name)) is not UNSET}


class TaskPut(TaskUpdate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to a task, or the whole Task as it was read. Fields that are left out stay as they are."""

    id: Annotated[UUID | UnsetType, Meta(description="The id in the path.")] = UNSET
    user_id: Annotated[str | UnsetType, Meta(description="The user in the path.")] = UNSET
    completed_at: Annotated[Instant | UnsetType | None, Meta(description="Not used.")] = UNSET
    created_at: Annotated[Instant | UnsetType, Meta(description="Not used.")] = UNSET
    updated_at: Annotated[Instant | UnsetType, Meta(description="Not used.")] = UNSET
    version: Annotated[Version | UnsetType, Meta(description="The version to change, as in If-Match.")] = UNSET

    def check_path(self, user_id: str, task_id: UUID) -> None:
        """Compares with the path.

        Raises:
            InvalidInput: `id` or `user_id` is that of another path.
        """
        path = {"id": task_id, "user_id": user_id}
        errors = [
            FieldError(["body", name], f"Must be the `{name}` of the path", "path_mismatch")
            for name, value in path.items()
            if getattr(self, name) not in (UNSET, value)
        ]
        if errors:
            raise InvalidInput(errors)

    def versions_to_match(self, if_match: frozenset[int] | None) -> frozenset[int] | None:
        """The versions that both If-Match and `version` allow. None: any."""
        if self.version is UNSET:
            return if_match
        version = frozenset({self.version})
        return version if if_match is None else version & if_match


class UpdateQuery(Struct, frozen=True, kw_only=True):
    """Query parameters of a change."""

    on_stale: Annotated[
        Literal["refuse", "merge"],
        Meta(
            description="If the task has another version than If-Match names: `refuse` answers 412. `merge` makes the "
            "change all the same if none of the fields in the body has changed since that version, and answers 412 if "
            "one has."
        ),
    ] = "refuse"


class Completion(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `toggleTaskCompletion`: the value to set. Without it, and without a body, it toggles."""

    completed: bool | UnsetType = UNSET


class TaskPage(Struct, frozen=True):
    data: list[Task]
    total: Annotated[
        int | None,
        Meta(description="Number of all matches, also on a page past the end; null if they were not counted."),
    ]
    limit: int
    offset: Annotated[int, Meta(description="The requested offset; 0 with a cursor.")]
    next_cursor: Annotated[
        str | None, Meta(description="Opaque: the `cursor` of the next page. Null on the last page.")
    ]


def _normalize(body: TaskCreate | TaskUpdate) -> None:
    """Trims title and tags; sorts the tags and removes duplicates."""
    if isinstance(body.title, str):
        force_setattr(body, "title", body.title.strip())
    if isinstance(body.tags, list):
        force_setattr(body, "tags", sorted({tag.strip() for tag in body.tags}))
