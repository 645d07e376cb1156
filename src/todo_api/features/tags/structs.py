"""Structs of requests and responses."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct


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
