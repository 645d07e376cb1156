"""The types of a task's fields, with their limits. The OpenAPI document has the same."""

from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta

Priority = Literal["High", "Medium", "Low"]
Field = Literal["title", "description", "completed", "priority", "due_date", "tags"]
FIELDS: Final[tuple[Field, ...]] = get_args(Field)
"""The fields that a client can change. Their order is stored (`tasks.field_versions`): append new ones."""
Instant = Annotated[datetime, Meta(tz=True)]
Version = Annotated[int, Meta(ge=1, le=2_147_483_647)]
"""The range of PostgreSQL's `integer`."""
NO_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\s\x00][^\x00]*$"

Title = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NOT_BLANK,
        extra_json_schema={"x-trimmed": True},
        description="Surrounding white space is removed and does not count.",
        examples=["Buy milk"],
    ),
]
Description = Annotated[str, Meta(max_length=1000, pattern=NO_NUL, examples=["Two litres, the fresh one"])]
TagName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=50,
        pattern=NOT_BLANK,
        extra_json_schema={"x-trimmed": True},
        description="Case-sensitive. Surrounding white space is removed and does not count.",
        examples=["shopping"],
    ),
]
Tags = Annotated[list[TagName], Meta(max_length=20, description="Duplicates are removed.")]
