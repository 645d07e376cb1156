"""Strict decoding of bodies: nothing is dropped, clamped or coerced, and every error is reported."""

import re
from collections import Counter
from functools import cache
from json import JSONDecoder
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec

from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput
from todo_api.http.field_errors import field_error

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_NAME_DECODER: Final = JSONDecoder(
    object_pairs_hook=lambda pairs: [name for name, _ in pairs], parse_int=str, parse_float=str, parse_constant=str
)
"""Decodes an object to the list of its names, repeated ones included. Numbers stay text: long ones are slow."""
_ESCAPED_LATIN: Final = b"\\u00"
"""How an escape begins that can stand for a character of a field's name (RFC 8259 §7)."""


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def decode_body[T: msgspec.Struct](type_: type[T], body: bytes) -> T:
    """The JSON object in `body`.

    Raises:
        InvalidInput: the body is not JSON, or fields are wrong or repeated: the exception has an error for each.
        TypeError: `type_` allows unknown fields.
    """
    try:
        decoded: T = _decoder(type_).decode(body)
    except msgspec.ValidationError as error:
        return _decode_fields(type_, body, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput([_broken(error)]) from None
    if _may_repeat_names(type_, body) and (repeated := _repeated(body)):
        raise InvalidInput(repeated)
    return decoded


@cache
def _quoted_names(type_: type[msgspec.Struct]) -> tuple[bytes, ...]:
    names = type_.__struct_encode_fields__
    if not type_.__struct_config__.forbid_unknown_fields or not all(map(_PLAIN_NAME.fullmatch, names)):
        raise TypeError(f"{type_.__name__} must forbid unknown fields, and have names of letters, digits and _ only")
    return tuple(f'"{name}"'.encode() for name in names)


def _may_repeat_names(type_: type[msgspec.Struct], body: bytes) -> bool:
    """False: no name is repeated in `body`, which `type_` accepted. True: only a second parse can tell.

    An accepted body has known names only. Without these escapes, it contains each of them literally, in quotes. So a
    repeated name occurs at least twice. A text or a nested object can contain a name too: that costs a second parse.
    """
    if body.find(_ESCAPED_LATIN) >= 0:  # `in` would cost three times as much
        return True
    for name in _quoted_names(type_):  # noqa: SIM110 - a generator costs as much as the search
        if body.count(name) > 1:
            return True
    return False


def _repeated(body: bytes) -> list[FieldError]:
    """An error for each repeated name. msgspec takes the last of several fields of one name and drops the others."""
    names = _NAME_DECODER.decode(body.decode())
    if len(set(names)) == len(names):
        return []
    return [
        FieldError(["body", name], "This field may be given once only", "repeated")
        for name, times in Counter(names).items()
        if times > 1
    ]


def _broken(error: Exception) -> FieldError:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return FieldError(["body"], f"The body is not valid JSON in UTF-8: {reason}", "json_invalid")


def _decode_fields[T: msgspec.Struct](type_: type[T], body: bytes, first: msgspec.ValidationError) -> T:
    """Decodes a body that failed as a whole field by field. Trims values first: white space around them is allowed."""
    try:
        sent = _decoder(dict[str, msgspec.Raw]).decode(body)
        errors = _repeated(body)
    except msgspec.ValidationError:
        raise InvalidInput([field_error(["body"], first)]) from None
    except (ValueError, RecursionError) as error:
        raise InvalidInput([_broken(error)]) from None
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    errors += [
        FieldError(["body", name], "There is no such field", "extra_forbidden") for name in sent if name not in fields
    ]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in sent:
            try:
                value = msgspec.json.decode(sent[name])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise InvalidInput([_broken(error)]) from None
            trimmed = name in getattr(type_, "trimmed", ())
            values[field.name] = convert(["body", name], value, field.type, errors, trimmed=trimmed)
        elif field.required:
            errors.append(FieldError(["body", name], "This field is required", "missing"))
    if errors:
        raise InvalidInput(errors)
    return type_(**values)


def convert(loc: list[str | int], value: Any, type_: Any, errors: list[FieldError], *, trimmed: bool) -> Any:
    """`value` as `type_`. Appends to `errors` what is wrong; for a list, an error for each wrong item."""
    if trimmed and isinstance(value, str):
        value = value.strip()
    item = item_type(type_)
    most = _most_items(type_)
    if isinstance(value, list) and item is not None and (most is None or len(value) <= most):
        before = len(errors)
        value = [convert([*loc, at], part, item, errors, trimmed=trimmed) for at, part in enumerate(value)]
        if len(errors) > before:
            return value
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        errors.append(field_error(loc, error, type_))
        return None


def _most_items(type_: Any) -> int | None:
    """The `max_length` of the list in `type_`. The items of a longer list are not checked: there may be thousands."""
    if get_origin(type_) is Annotated and get_origin(get_args(type_)[0]) is list:
        return next((part.max_length for part in get_args(type_) if isinstance(part, msgspec.Meta)), None)
    return next((most for part in get_args(type_) if (most := _most_items(part)) is not None), None)


def item_type(type_: Any) -> Any:
    """The type of the items of the list in `type_`, through Annotated and unions; None if there is no list."""
    if get_origin(type_) is list:
        return get_args(type_)[0]
    return next((item for part in get_args(type_) if (item := item_type(part)) is not None), None)
