"""Ids in a path, and names that may contain `/`."""

import re
from collections.abc import Awaitable
from typing import Final
from urllib.parse import unquote_to_bytes
from uuid import UUID

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from todo_api.errors import TaskNotFound

_UUID_CHARACTERS: Final = 36
_ENCODED_SLASH: Final = re.compile(rb"%2F", re.IGNORECASE)


class EncodedSlashMiddleware:
    """ASGI middleware: `%2F` in a path is a character of a name, and does not end a segment (RFC 3986 §2.2).

    The server decodes the path before it is routed. This leaves `%2F` in it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == ScopeType.HTTP and _ENCODED_SLASH.search(scope["raw_path"]):
            path = _ENCODED_SLASH.sub(b"%252F", scope["raw_path"])
            scope["path"] = unquote_to_bytes(path).decode(errors="replace")
        return self.app(scope, receive, send)


def last_segment(scope: HTTPScope) -> str | None:
    """The last segment of the path, decoded; None if it is not UTF-8."""
    try:
        return unquote_to_bytes(scope["raw_path"].rstrip(b"/").rpartition(b"/")[2]).decode()
    except UnicodeDecodeError:
        return None


def task_id_of(text: str) -> UUID:
    """`text` as the id of a task. A malformed id is an unknown id.

    Raises:
        TaskNotFound: it is malformed.
    """
    if len(text) != _UUID_CHARACTERS:
        raise TaskNotFound
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError:
        raise TaskNotFound from None
