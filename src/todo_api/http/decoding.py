"""Strict decoding of bodies: nothing is dropped, clamped or coerced, and every error is reported."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from json import JSONDecoder
from typing import Any, Final, Union

import msgspec

from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput
from todo_api.http.field_errors import field_error
from todo_api.http.types_of_fields import item_type, most_items, structs_of

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_]+")


class _Members(list[tuple[str, Any]]):
    """The members of an object, repeated ones included."""


_MEMBER_DECODER: Final = JSONDecoder(object_pairs_hook=_Members, parse_int=str, parse_float=str, parse_constant=str)
"""Numbers stay text: long ones are slow."""
_ESCAPED_LATIN: Final = b"\\u00"
"""How an escape begins that can stand for a character of a field's name (RFC 8259 §7)."""


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def decode_body[T: msgspec.Struct](type_: type[T], body: bytes) -> T:
    """The JSON object in `body`.

    Raises:
        InvalidInput: the body is not JSON, or fields are wrong or repeated: the exception has an error for each.
        TypeError: `type_`, or a Struct inside it, allows unknown fields.
    """
    try:
        decoded: T = _decoder(type_).decode(body)
    except (msgspec.ValidationError, InvalidInput):
        return _decode_fields(type_, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput([_broken(error)]) from None
    if _may_repeat_names(type_, body) and (repeated := _repeated(type_, body)):
        raise InvalidInput(repeated)
    return decoded


@cache
def _quoted_names(type_: type[msgspec.Struct]) -> tuple[bytes, ...]:
    names = type_.__struct_encode_fields__
    if not type_.__struct_config__.forbid_unknown_fields or not all(map(_PLAIN_NAME.fullmatch, names)):
        raise TypeError(f"{type_.__name__} must forbid unknown fields, and have names of letters, digits and _ only")
    return tuple(f'"{name}"'.encode() for name in names)


@cache
def _nested(type_: type[msgspec.Struct]) -> bool:
    """Whether fields are Structs or lists of Structs. The names of these are checked as in `_quoted_names`."""
    fields = [field.type for field in msgspec.structs.fields(type_)]
    inner = {struct for each in fields for struct in (*structs_of(each), *structs_of(item_type(each)))}
    for struct in inner:
        _quoted_names(struct)
        _nested(struct)
    return bool(inner)


def _may_repeat_names(type_: type[msgspec.Struct], body: bytes) -> bool:
    """False: no name is repeated in `body`, which `type_` accepted. True: only a second parse can tell.

    An accepted body has known names only. Without these escapes, it contains each of them literally, in quotes. So a
    repeated name occurs at least twice. A text or a nested object can contain a name too: that costs a second parse.
    """
    if _nested(type_) or body.find(_ESCAPED_LATIN) >= 0:  # `in` would cost three times as much
        return True
    for name in _quoted_names(type_):  # noqa: SIM110 - a generator costs as much as the search
        if body.count(name) > 1:
            return True
    return False


def _repeated(type_: type[msgspec.Struct], body: bytes) -> list[FieldError]:
    """An error for each repeated name. msgspec takes the last of several fields of one name and drops the others."""
    return list(_repeated_in(["body"], _MEMBER_DECODER.decode(body.decode()), type_))


def _repeated_in(loc: list[str | int], value: list[Any], type_: Any) -> Iterator[FieldError]:
    """Looks only where `type_` has a Struct: all else is refused, and may be large, or may have any names."""
    if isinstance(value, _Members):
        if not (structs := structs_of(type_)):
            return
        names = [name for name, _ in value]
        if len(set(names)) < len(names):
            for name, times in Counter(names).items():
                if times > 1:
                    yield FieldError([*loc, name], "This field may be given once only", "repeated")
        fields = _fields_with_structs(structs)
        parts: list[tuple[str | int, Any, Any]] = [(name, part, fields[name]) for name, part in value if name in fields]
    else:
        item, most = item_type(type_), most_items(type_)
        if not structs_of(item) or (most is not None and len(value) > most):
            return
        parts = [(place, part, item) for place, part in enumerate(value)]
    for place, part, inner in parts:
        if isinstance(part, list):
            yield from _repeated_in([*loc, place], part, inner)


@cache
def _fields_with_structs(structs: tuple[type[msgspec.Struct], ...]) -> dict[str, Any]:
    """The types of the fields, by name, that have Structs in them. A name in several of the Structs has all types."""
    fields: dict[str, Any] = {}
    for field in (field for struct in structs for field in msgspec.structs.fields(struct)):
        if structs_of(field.type) or structs_of(item_type(field.type)):
            name = field.encode_name
            fields[name] = Union[fields[name], field.type] if name in fields else field.type  # noqa: UP007 - computed
    return fields


def _broken(error: Exception) -> FieldError:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return FieldError(["body"], f"The body is not valid JSON in UTF-8: {reason}", "json_invalid")


def _decode_fields[T: msgspec.Struct](type_: type[T], body: bytes) -> T:
    """Decodes a body that failed as a whole field by field. Trims values first: white space around them is allowed."""
    try:
        sent = _decoder(dict[str, msgspec.Raw]).decode(body)
        errors = _repeated(type_, body)
    except msgspec.ValidationError as error:
        raise InvalidInput([field_error(["body"], error)]) from None
    except (ValueError, RecursionError) as error:
        raise InvalidInput([_broken(error)]) from None
    known = {field.encode_name for field in msgspec.structs.fields(type_)}
    try:
        values = {name: msgspec.json.decode(raw) if name in known else None for name, raw in sent.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput([_broken(error)]) from None
    decoded = _convert_struct(["body"], values, type_, errors)
    if decoded is None or errors:
        raise InvalidInput(errors)
    return decoded


def _convert_struct[T: msgspec.Struct](
    loc: list[str | int], sent: dict[str, Any], type_: type[T], errors: list[FieldError]
) -> T | None:
    """`sent` as `type_`. None: something is wrong, and was appended to `errors`."""
    before = len(errors)
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    tag = type_.__struct_config__.tag_field
    errors += [
        FieldError([*loc, name], "There is no such field", "extra_forbidden")
        for name in sent
        if name not in fields and name != tag
    ]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in sent:
            trimmed = name in getattr(type_, "trimmed", ())
            values[field.name] = convert([*loc, name], sent[name], field.type, errors, trimmed=trimmed)
        elif field.required:
            errors.append(FieldError([*loc, name], "This field is required", "missing"))
    errors += getattr(type_, "check_sent", _no_check)(sent)
    if len(errors) > before:
        return None
    try:
        return type_(**values)
    except InvalidInput as error:  # a Struct refuses itself: it does not know where it is in the body
        errors += [FieldError([*loc, *each.loc[1:]], each.msg, each.type) for each in error.errors]
        return None


def _no_check(sent: dict[str, Any]) -> list[FieldError]:
    """A Struct may have a static method `check_sent` that compares fields, of which others may be wrong."""
    return []


def _choose(
    loc: list[str | int], sent: dict[str, Any], structs: tuple[type[msgspec.Struct], ...], errors: list[FieldError]
) -> msgspec.Struct | None:
    """`sent` as the one of these Structs that its tag names."""
    field = structs[0].__struct_config__.tag_field
    if field is None:
        return _convert_struct(loc, sent, structs[0], errors)
    by_tag = {struct.__struct_config__.tag: struct for struct in structs}
    if field not in sent:
        errors.append(FieldError([*loc, field], "This field is required", "missing"))
    elif not isinstance(sent[field], str) or sent[field] not in by_tag:
        choices = ", ".join(f"`{tag}`" for tag in by_tag)
        errors.append(FieldError([*loc, field], f"Must be one of {choices}", "literal_error"))
    else:
        return _convert_struct(loc, sent, by_tag[sent[field]], errors)
    return None


def convert(loc: list[str | int], value: Any, type_: Any, errors: list[FieldError], *, trimmed: bool) -> Any:
    """`value` as `type_`. Appends to `errors` what is wrong; for a list, an error for each wrong item."""
    if trimmed and isinstance(value, str):
        value = value.strip()
    if isinstance(value, dict) and (structs := structs_of(type_)):
        return _choose(loc, value, structs, errors)
    item = item_type(type_)
    most = most_items(type_)
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
