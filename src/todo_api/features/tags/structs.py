"""Structs of requests and responses."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from todo_api.features.tasks.fields import TagName


class TagWithUsage(Struct, frozen=True):
    """A tag of at least one task."""

    name: str
    usage_count: Annotated[int, Meta(ge=1, description="Number of tasks with this tag.")]


class TagQuery(Struct, frozen=True, kw_only=True):
    """Query parameters of the list of tags."""

    trimmed: ClassVar[frozenset[str]] = frozenset({"search"})

    search: Annotated[
        str,
        Meta(
            max_length=50,
            pattern=r"^[^\x00]*$",
            description="Start of the names, without regard to case. No character is special.",
        ),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="Maximum number of tags.")] = 1000


class TagRename(Struct, frozen=True, forbid_unknown_fields=True):
    """The new name of a tag."""

    trimmed: ClassVar[frozenset[str]] = frozenset({"name"})

    name: TagName

    def __post_init__(self) -> None:
        force_setattr(self, "name", self.name.strip())
