"""Bodies are decoded in one pass: repeated names are still refused, and msgspec's messages are the ones we match."""

import json
import re
from collections import Counter
from contextlib import nullcontext
from datetime import date, datetime
from random import Random
from typing import Annotated, Any
from unittest.mock import patch
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput
from todo_api.features.tasks.fields import NO_NUL, NOT_BLANK
from todo_api.features.tasks.structs import TaskCreate, TaskUpdate
from todo_api.http import decoding, field_errors
from todo_api.http.decoding import decode_body


class Nested(Struct, frozen=True, forbid_unknown_fields=True):
    """A body with a free object, a list of free objects and a text."""

    title: str | UnsetType = UNSET
    tags: list[Any] | UnsetType = UNSET
    extra: dict[str, Any] | UnsetType = UNSET
    name_2: Any = UNSET


NAMES = list(Nested.__struct_fields__)


def escaped(text: str, random: Random) -> str:
    """`text` as a JSON string with some of its characters as escapes, which any JSON parser takes for the same text."""

    def character(c: str) -> str:
        code = f"{ord(c):04x}" if ord(c) < 0x10000 else ""
        return f"\\u{random.choice([code, code.upper()])}" if code and random.random() < 0.1 else json.dumps(c)[1:-1]

    return '"' + "".join(map(character, text)) + '"'


def written(value: Any, random: Random) -> str:
    """`value` as JSON, with white space and escapes at random. A list of pairs in a tuple is an object."""

    def space() -> str:
        return str(random.choice(["", "", "", " ", "\n\t", "\r "]))

    match value:
        case tuple():
            members = [f"{space()}{escaped(name, random)}{space()}:{written(part, random)}" for name, part in value]
            text = f"{{{','.join(members) or space()}}}"
        case list():
            text = f"[{','.join(written(part, random) for part in value) or space()}]"
        case str():
            text = escaped(value, random)
        case _:
            text = json.dumps(value)
    return space() + text + space()


def objects(names: st.SearchStrategy[str], values: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Any]:
    return st.lists(st.tuples(names, values), max_size=most).map(tuple)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    [*NAMES, *(f'"{name}"' for name in NAMES), '"title":', "\\", '\\"', "\\u0074itle", ":", "{", '"']
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | objects(texts, inner, 3),
    max_leaves=6,
)
members = (
    st.tuples(st.just("title"), texts)
    | st.tuples(st.just("tags"), st.lists(values, max_size=3))
    | st.tuples(st.just("extra"), objects(texts, values, 3))
    | st.tuples(st.just("name_2"), values)
)


def errors_by_a_second_parse(body: str) -> list[FieldError]:
    """The model: the standard library's parser, which gives every member of an object."""
    names = json.loads(body, object_pairs_hook=lambda pairs: [name for name, _ in pairs])
    return [
        FieldError(["body", name], "This field may be given once only", "repeated")
        for name, times in Counter(names).items()
        if times > 1
    ]


@given(st.lists(members, max_size=5), st.randoms(use_true_random=False))
def test_a_repeated_name_is_refused_as_by_a_second_parse(sent: list[tuple[str, Any]], random: Random) -> None:
    body = written(tuple(sent), random)
    expected = errors_by_a_second_parse(body)
    with pytest.raises(InvalidInput) if expected else nullcontext() as refused:
        decode_body(Nested, body.encode())
    assert refused is None or refused.value.errors == expected


@pytest.mark.parametrize(
    "body",
    [
        '{"title": "a", "title": "b"}',
        ' {\n"title"\t:\r"a" , "title" : "b" } ',
        '{"title": "a", "\\u0074itle": "b"}',
        '{"\\u0074\\u0069\\u0074\\u006C\\u0065": "a", "\\u0074itle": "b"}',
        '{"title": "a", "tags": [], "title": "a"}',
    ],
)
@pytest.mark.parametrize("type_", [TaskCreate, TaskUpdate])
def test_a_repeated_name_is_refused(type_: type[Struct], body: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_body(type_, body.encode())
    assert refused.value.errors == [FieldError(["body", "title"], "This field may be given once only", "repeated")]


@pytest.mark.parametrize(
    ("body", "parses"),
    [
        ({"title": "Buy milk: 2 litres", "description": 'two\n"fresh" ones', "due_date": "2026-12-31", "tags": []}, 1),
        ({"title": "T", "description": None, "priority": "Medium", "due_date": None, "tags": ["a", "title:"]}, 1),
        ({"title": "日本語 😀", "description": "日本語" * 300, "tags": ["ł", "ő"]}, 1),
        ({"title": "T", "tags": ["title"]}, 2),
        ({"title": "T", "description": "\\u0074itle"}, 2),
    ],
)
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_an_accepted_body_is_parsed_once_unless_a_text_resembles_a_name(
    body: dict[str, Any], parses: int, *, ensure_ascii: bool
) -> None:
    with patch.object(decoding, "_repeated", wraps=decoding._repeated) as second_parse:
        decode_body(TaskCreate, json.dumps(body, ensure_ascii=ensure_ascii).encode())
    assert 1 + second_parse.call_count == parses


def test_a_body_must_forbid_unknown_fields_since_their_repetition_would_not_be_noticed() -> None:
    class Open(Struct):
        title: str

    class Renamed(Struct, forbid_unknown_fields=True, rename={"title": "a/b"}):
        title: str

    for type_ in (Open, Renamed):
        with pytest.raises(TypeError, match="must forbid unknown fields"):
            decode_body(type_, b'{"title": "a"}' if type_ is Open else b'{"a/b": "a"}')


class Everything(Struct, frozen=True, forbid_unknown_fields=True):
    trimmed = frozenset({"long", "blank"})

    not_blank: Annotated[str, Meta(pattern=NOT_BLANK)] = "x"
    no_nul: Annotated[str, Meta(pattern=NO_NUL)] = ""
    items: Annotated[list[str], Meta(min_length=1, max_length=2)] = []
    long: Annotated[str, Meta(max_length=3)] = ""
    blank: Annotated[str, Meta(min_length=1)] = "x"
    number: Annotated[int, Meta(ge=1, le=9)] = 1
    at: Annotated[datetime, Meta(tz=True)] | None = None
    id: UUID | None = None
    day: date | None = None
    flag: bool = False
    ratio: float = 1.0


CASES: list[tuple[str, str, str, str]] = [
    ("not_blank", r'"\u0000"', "string_pattern_mismatch", "Must not be blank nor contain the character NUL"),
    ("no_nul", r'"\u0000"', "string_pattern_mismatch", "Must not contain the character NUL"),
    ("items", '["a", "b", "c"]', "too_long", "At most 2 items are allowed"),
    ("items", "[]", "too_short", "At least 1 item is needed"),
    ("long", '"abcd"', "string_too_long", "At most 3 characters are allowed"),
    ("blank", '""', "string_too_short", "Must not be blank"),
    ("number", "0", "greater_than_equal", "Must be at least 1"),
    ("number", "10", "less_than_equal", "Must be at most 9"),
    ("at", '"2026-02-28"', "datetime_parsing", "Must be a time like 2026-12-31T08:30:00Z"),
    ("id", '"1"', "uuid_parsing", "Must be a UUID"),
    ("day", '"2026-02-30"', "date_parsing", "Must be a date like 2026-12-31"),
    ("long", "null", "string_type", "Must not be null"),
    ("flag", "null", "bool_type", "Must not be null"),
    ("long", "3", "string_type", "Must be text"),
    ("flag", "1", "bool_type", "Must be true or false"),
    ("number", '"1"', "int_type", "Must be a whole number"),
    ("items", "null", "list_type", "Expected `array`, got `null`"),
    ("ratio", '"x"', "float_type", "Expected `float`, got `str`"),
]
"""Field, its value in JSON, then type and message of the error: one for each of `_MESSAGES`, in their order."""


@pytest.mark.parametrize(("row", "case"), list(zip(field_errors._MESSAGES, CASES, strict=True)))
def test_each_pattern_matches_a_message_of_msgspec(row: tuple[str, str, str], case: tuple[str, str, str, str]) -> None:
    """An upgrade of msgspec that changes a message fails here."""
    field, value, error_type, message = case
    body = f'{{"{field}": {value}}}'.encode()
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(body, type=Everything)
    text = str(raised.value).partition(" - at `")[0]
    first = next(each for each in field_errors._MESSAGES if re.search(each[0], text))
    assert first == row
    with pytest.raises(InvalidInput) as refused:
        decode_body(Everything, body)
    assert refused.value.errors == [FieldError(["body", field], message, error_type)]


def test_a_choice_is_refused_by_the_one_message_that_has_no_pattern() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"^Invalid enum value 'At most'"):
        msgspec.json.decode(b'{"title": "a", "priority": "At most"}', type=TaskCreate)
    with pytest.raises(InvalidInput) as refused:
        decode_body(TaskCreate, b'{"title": "a", "priority": "At most"}')
    message = "Must be one of `High`, `Medium`, `Low`"
    assert refused.value.errors == [FieldError(["body", "priority"], message, "literal_error")]


def test_a_number_that_no_float_holds_is_not_valid_json() -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_body(Everything, b'{"ratio": 1e999}')
    message = "The body is not valid JSON in UTF-8: Number out of range"
    assert refused.value.errors == [FieldError(["body"], message, "json_invalid")]
