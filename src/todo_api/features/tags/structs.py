"""What goes over the wire."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct


class TagWithUsage(Struct, frozen=True):
    """A tag that at least one task carries."""

    name: str
    usage_count: Annotated[int, Meta(ge=1, description="Tasks that carry it.")]


class TagQuery(Struct, frozen=True, kw_only=True):
    """Parameters of the tags."""

    trimmed: ClassVar[frozenset[str]] = frozenset({"search"})

    search: Annotated[
        str,
        Meta(
            max_length=50,
            pattern=r"^[^\x00]*$",
            description="What the names begin with, without regard to case. No character is special.",
        ),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="Tags at the most.")] = 1000
