"""The bodies of error responses."""

from collections.abc import Sequence
from typing import Annotated

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with the input."""

    loc: list[str | int]
    """`body`, `query`, `path` or `header`, then the field, then the position in a list."""
    msg: str
    type: str
    """A stable word. It is pydantic's where pydantic has one."""


class Error(msgspec.Struct, frozen=True):
    """Every answer that is not 2xx, except for invalid input."""

    detail: str
    code: str
    """A stable word for programs."""


class ValidationError(msgspec.Struct, frozen=True):
    """The answer to invalid input: every error that was found."""

    detail: list[FieldError]
    message: Annotated[
        str,
        msgspec.Meta(
            description="The first error as a text for people, and how many more there are.",
            examples=["title: must not be blank (and 2 more errors)"],
        ),
    ]
    code: str = "validation_error"


def message_of(errors: Sequence[FieldError]) -> str:
    """The path and the text of the first error, and the number of the others. An error of a whole body has no path."""
    first, *others = errors
    path = ".".join(map(str, first.loc[1:]))
    # The first letter becomes small, except in a word of capitals such as HTTP.
    text = first.msg[0].lower() + first.msg[1:] if path and first.msg[:2].istitle() else first.msg
    more = f" (and {len(others)} more error{'s' if len(others) > 1 else ''})" if others else ""
    return f"{path}: {text}{more}" if path else f"{text}{more}"
