"""Bodies with Structs inside: every error has its path."""

from typing import Annotated

import pytest
from msgspec import Meta, Struct

from tests.http.test_decoding import Everything
from todo_api.errors import InvalidInput
from todo_api.http.decoding import decode_body


class Left(Struct, frozen=True, forbid_unknown_fields=True, tag_field="side", tag="left"):
    trimmed = frozenset({"name"})

    name: Annotated[str, Meta(max_length=3)]


class Right(Struct, frozen=True, forbid_unknown_fields=True, tag_field="side", tag="right"):
    inner: Left | None = None


class Tree(Struct, frozen=True, forbid_unknown_fields=True):
    parts: Annotated[list[Left | Right], Meta(max_length=3)] = []
    own: Everything | None = None


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ('{"parts": [{"side": "left", "name": "abcd"}]}', [("parts.0.name", "string_too_long")]),
        ('{"parts": [{"side": "right", "inner": {"side": "left"}}]}', [("parts.0.inner.name", "missing")]),
        (
            '{"parts": [{"side": "up"}, {}, 3]}',
            [("parts.0.side", "literal_error"), ("parts.1.side", "missing"), ("parts.2", "object_type")],
        ),
        ('{"parts": {"side": "left"}}', [("parts", "list_type")]),
        ('{"own": {"flag": 1, "x": 1}}', [("own.x", "extra_forbidden"), ("own.flag", "bool_type")]),
        ('{"own": {"flag": true, "flag": true}}', [("own.flag", "repeated")]),
        ('{"own": {"fl\\u0061g": true, "flag": true}}', [("own.flag", "repeated")]),
        ('{"parts": [{"side": "left", "side": "left", "name": "a"}]}', [("parts.0.side", "repeated")]),
        # Only Structs are searched for repeated names: what is refused anyway may be large.
        ('{"parts": [1, 1, 1, {"side": 1, "side": 1}]}', [("parts", "too_long")]),
        ('{"parts": [], "x": {"a": 1, "a": 1}}', [("x", "extra_forbidden")]),
        ('{"parts": [{"side": "left", "name": {"a": 1, "a": 1}}]}', [("parts.0.name", "string_type")]),
    ],
)
def test_errors_inside_of_structs_have_their_path(body: str, errors: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_body(Tree, body.encode())
    assert [(".".join(map(str, error.loc[1:])), error.type) for error in refused.value.errors] == errors


def test_values_inside_of_structs_are_trimmed() -> None:
    assert decode_body(Tree, b'{"parts": [{"side": "left", "name": "   abc "}]}') == Tree([Left("abc")])


def test_a_struct_inside_must_forbid_unknown_fields_too() -> None:
    class Open(Struct):
        title: str

    class Closed(Struct, forbid_unknown_fields=True):
        inner: list[Open]

    with pytest.raises(TypeError, match="Open must forbid unknown fields"):
        decode_body(Closed, b'{"inner": []}')
