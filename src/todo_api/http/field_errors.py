"""Field errors of 400 responses, made from msgspec's messages."""

import re
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from todo_api.error_bodies import FieldError

_MESSAGES: Final = (
    (r"matching regex .*\\\\s", "string_pattern_mismatch", "Must not be blank nor contain the character NUL"),
    (r"matching regex", "string_pattern_mismatch", "Must not contain the character NUL"),
    (r"`array` of length <= (\d+)", "too_long", r"At most \1 items are allowed"),
    (r"`array` of length >= 1$", "too_short", "At least 1 item is needed"),
    (r"of length <= (\d+)", "string_too_long", r"At most \1 characters are allowed"),
    (r"of length >= 1$", "string_too_short", "Must not be blank"),
    (r"`int` >= (.*)", "greater_than_equal", r"Must be at least \1"),
    (r"`int` <= (.*)", "less_than_equal", r"Must be at most \1"),
    (r"RFC3339 encoded datetime|with a timezone", "datetime_parsing", "Must be a time like 2026-12-31T08:30:00Z"),
    (r"Invalid UUID", "uuid_parsing", "Must be a UUID"),
    (r"Invalid RFC3339 encoded date", "date_parsing", "Must be a date like 2026-12-31"),
    (r"Expected `str\b.*got `null`", "string_type", "Must not be null"),
    (r"Expected `bool\b.*got `null`", "bool_type", "Must not be null"),
    (r"Expected `str\b", "string_type", "Must be text"),
    (r"Expected `bool\b", "bool_type", "Must be true or false"),
    (r"Expected `int\b", "int_type", "Must be a whole number"),
    (r"Expected `array\b", "list_type", ""),
    (r"Expected `(\w+)", r"\1_type", ""),
)
"""Pattern of msgspec's message, our stable type (pydantic's if it has one), our message ("": msgspec's own). The first
match counts. `tests/http/test_decoding.py` has a case for each.
"""


def _choices(type_: Any) -> list[str]:
    if get_origin(type_) is Literal:
        return [f"`{choice}`" for choice in get_args(type_)]
    return [choice for part in get_args(type_) for choice in _choices(part)]


def field_error(loc: list[str | int], error: msgspec.ValidationError, type_: Any = None) -> FieldError:
    text = str(error)
    if text.startswith("Invalid enum value"):
        # The only message that quotes the client's value, so the patterns must not be applied to it.
        return FieldError(loc, f"Must be one of {', '.join(_choices(type_))}", "literal_error")
    text = text.rpartition(" - at `")[0] or text
    for pattern, error_type, message in _MESSAGES:
        if match := re.search(pattern, text):
            return FieldError(loc, match.expand(message) if message else text, match.expand(error_type))
    return FieldError(loc, text, "value_error")
