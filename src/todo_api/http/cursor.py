"""Cursors: the position after a page of a list. Does no I/O.

A cursor holds the sort key and the id of the page's last item, and a digest of them and of the list: its user, filters
and sort. The digest has no secret, so replicas share none and none is rotated. A forged cursor only moves within the
user's own list, as `offset` does. See docs/decisions/0030-cursors.md.
"""

from base64 import b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

_DIGEST_BYTES: Final = 12


class InvalidCursor(ValueError):
    """The cursor is damaged or belongs to another list."""


class Position(NamedTuple):
    key: Any
    id: UUID


def _digest(content: bytes, bound_to: bytes) -> bytes:
    return blake2b(content, key=blake2b(bound_to).digest(), digest_size=_DIGEST_BYTES).digest()


def encode(position: Position, bound_to: bytes) -> str:
    """The cursor for `position` in the list that `bound_to` describes, in URL-safe Base64 without padding."""
    content = msgspec.msgpack.encode(position)
    return urlsafe_b64encode(_digest(content, bound_to) + content).rstrip(b"=").decode()


def decode(cursor: str, decoder: msgspec.msgpack.Decoder[Any], bound_to: bytes) -> Position:
    """The position in a cursor that `encode` made.

    Raises:
        InvalidCursor: `encode` did not make it for this list, or `decoder` refuses its content.
    """
    try:
        raw = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        content = raw[_DIGEST_BYTES:]
        position = Position(*decoder.decode(content))
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidCursor from error
    if encode(position, bound_to) != cursor:
        raise InvalidCursor
    return position
