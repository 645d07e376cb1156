"""What goes over the wire."""

from typing import Annotated

from msgspec import Meta, Struct


class TagWithUsage(Struct, frozen=True):
    """A tag that at least one task carries."""

    name: str
    usage_count: Annotated[int, Meta(ge=1, description="Tasks that carry it.")]
