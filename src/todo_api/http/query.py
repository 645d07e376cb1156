"""Strict decoding of query strings: unknown, repeated and wrong parameters are errors, and every error is reported."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, get_args
from urllib.parse import unquote_to_bytes

import msgspec

from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput
from todo_api.http.decoding import convert
from todo_api.http.types_of_fields import item_type

_PLAIN_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")


@lru_cache(maxsize=1024)
def decode_query[T: msgspec.Struct](type_: type[T], query: bytes) -> T:
    """The parameters in a raw query string (WHATWG URL, application/x-www-form-urlencoded).

    Raises:
        InvalidInput: with every bad, unknown or wrongly repeated parameter.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in _pairs(query, errors):
        field = fields.get(name)
        if field is None:
            errors.append(FieldError(["query", name], "There is no such parameter", "extra_forbidden"))
        elif item_type(field.type) is not None:
            values.setdefault(field.name, []).append(value)
        elif field.name in values:
            errors.append(FieldError(["query", name], "This parameter may be given once only", "repeated"))
        else:
            values[field.name] = value
    for name, field in fields.items():
        if field.name in values:
            trimmed = name in getattr(type_, "trimmed", ())
            value = _literal(values[field.name], field.type)
            values[field.name] = convert(["query", name], value, field.type, errors, trimmed=trimmed)
    if errors:
        raise InvalidInput(errors)
    return type_(**values)


def _pairs(query: bytes, errors: list[FieldError]) -> Iterator[tuple[str, str]]:
    for part in query.split(b"&"):
        if part:
            raw_name, _, raw_value = part.replace(b"+", b" ").partition(b"=")
            name = unquote_to_bytes(raw_name).decode(errors="replace")
            try:
                yield name, unquote_to_bytes(raw_value).decode()
            except UnicodeDecodeError:
                errors.append(FieldError(["query", name], "This is not UTF-8", "string_unicode"))


def _literal(value: Any, type_: Any) -> Any:
    """A number or boolean in JSON's notation, if `type_` has one; any other value stays text."""
    if value in ("true", "false") and _holds(type_, bool):
        return value == "true"
    if isinstance(value, str) and _holds(type_, int) and _PLAIN_INTEGER.fullmatch(value):
        return int(value)
    return value


def _holds(type_: Any, wanted: type) -> bool:
    return type_ is wanted or any(_holds(part, wanted) for part in get_args(type_))
