"""The request headers If-Match, If-None-Match (RFC 9110 §13) and Idempotency-Key, and ETags. Does no I/O."""

import re
from typing import Any, Final

from litestar.types import HTTPScope
from xxhash import xxh3_64_hexdigest, xxh3_128_hexdigest

from todo_api import __version__
from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput

# RFC 9110 §8.8.3; lists may have empty elements (§5.6.1.2).
_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# Each blank can match in one way only. With two ways, n blanks would have 2^n ways.
_TAGS: Final = re.compile(rf"[ \t,]*{_TAG}[ \t]*(?:,[ \t]*(?:{_TAG}[ \t]*)?)*")
_EACH_TAG: Final = re.compile(_TAG)
_VERSION: Final = re.compile(r'"([1-9][0-9]{0,8})"')
_MAX_KEY: Final = 255
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]*")

_ANY_TAGS: Final = {
    "type": "string",
    "pattern": r'^(?:\*|(?:W/)?"[!#-~]*"(?:, (?:W/)?"[!#-~]*")*)$',
}
PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "If-Match": {
        "schema": _ANY_TAGS,
        "description": (
            "The `ETag` of the version to change. If the task has another version, nothing changes and the answer is "
            '412. An ETag is the `version` in quotes: `"3"`. Several ETags are allowed; `*` means any version. A weak '
            'ETag (`W/"3"`, which proxies that compress make) never matches: build the ETag from `version`. '
            "Without this header the last writer wins."
        ),
    },
    "If-None-Match": {
        "schema": _ANY_TAGS,
        "description": "The `ETag` of the client's data. If it is still current, the answer is 304 without a body.",
    },
    "Idempotency-Key": {
        "schema": {"type": "string", "minLength": 1, "maxLength": _MAX_KEY, "pattern": "^[ -~]*$"},
        "description": (
            "Makes a retry safe. For 7 days the same key with the same request changes nothing and gives the first "
            "answer again, with `Idempotency-Replayed: true`: a create has the task as it was created, a batch has its "
            "results as they were, other requests have tasks as they are now. If the task of a create or a restore was "
            "deleted, or a task of a batch was deleted for good, the answer is 410 `task_deleted`. With another "
            "request the answer is 409. Use a new key, such as a UUID, for each request, and keep it until an answer "
            "comes. Each user has keys of their own. The key of a refused request is not stored."
        ),
    },
    "Last-Event-ID": {
        "schema": {"type": "string"},
        "description": "The `id` of the last event that the client has. The stream begins after it.",
    },
}
"""Header → its parameter in the OpenAPI document, without `name` and `in`."""


def version_tag(version: int) -> str:
    """The strong ETag of a task: its version in quotes."""
    return f'"{version}"'


def content_tag(body: bytes) -> str:
    """The ETag of a list whose state is not known: a hash of its bytes. XXH3 takes 1 µs for 18 kB. A cryptographic hash
    takes 13 and releases the interpreter lock. It is not needed: users who make two lists collide harm only themselves.
    """
    return f'"{xxh3_128_hexdigest(body)}"'


def state_tag(scope: HTTPScope, state: str) -> str:
    """The strong ETag of a list: the state of the user's data, and a digest of the URL and of the service's version.

    Equal ETags mean equal bytes: the answer depends on nothing else. A client that keeps one ETag for several URLs gets
    no wrong 304.
    """
    return f'"r{state}-{_digest(scope)}"'


def known_states(scope: HTTPScope) -> list[str]:
    """The states in If-None-Match for which `state_tag` made the ETags: of this URL and this version of the service.

    Raises:
        InvalidInput: the header is malformed.
    """
    end = f'-{_digest(scope)}"'
    tags = (tag.removeprefix("W/") for tag in _tags(scope, "If-None-Match") or ())
    return [tag[2 : -len(end)] for tag in tags if tag.startswith('"r') and tag.endswith(end)]


def _digest(scope: HTTPScope) -> str:
    return xxh3_64_hexdigest(f"{__version__} {scope['path']}?".encode() + scope["query_string"])


def versions_to_match(scope: HTTPScope) -> frozenset[int] | None:
    """The versions in If-Match; None if the header is absent or `*`. An ETag that is not a version matches no task.

    Raises:
        InvalidInput: the header is malformed.
    """
    tags = _tags(scope, "If-Match")
    if tags is None or tags == ["*"]:
        return None
    return frozenset(int(match[1]) for tag in tags if (match := _VERSION.fullmatch(tag)))


def etag_matches(scope: HTTPScope, tag: str) -> bool:
    """Whether If-None-Match contains `tag`, by weak comparison (RFC 9110 §8.8.3.2).

    Raises:
        InvalidInput: the header is malformed.
    """
    tags = _tags(scope, "If-None-Match")
    return tags is not None and (tags == ["*"] or tag in {each.removeprefix("W/") for each in tags})


def idempotency_key(scope: HTTPScope) -> str | None:
    """The value of Idempotency-Key; None if the header is absent.

    Raises:
        InvalidInput: the key is empty, too long or not printable, or there are several.
    """
    lines = _lines(scope, "Idempotency-Key")
    if not lines:
        return None
    if len(lines) > 1:
        raise _bad("Idempotency-Key", "This header may be given once only", "repeated")
    key = lines[0]
    if not key:
        raise _bad("Idempotency-Key", "At least 1 character is needed", "string_too_short")
    if len(key) > _MAX_KEY:
        raise _bad("Idempotency-Key", f"At most {_MAX_KEY} characters are allowed", "string_too_long")
    if not _PRINTABLE.fullmatch(key):
        raise _bad("Idempotency-Key", "Only printable ASCII characters are allowed", "string_pattern_mismatch")
    return key


def _tags(scope: HTTPScope, header: str) -> list[str] | None:
    lines = _lines(scope, header)
    if not lines:
        return None
    text = ", ".join(lines)
    if text.strip() == "*":
        return ["*"]
    if not _TAGS.fullmatch(text):
        raise _bad(header, 'Must be "*" or a list of ETags in quotes, separated by commas', "etag_parsing")
    return _EACH_TAG.findall(text)


def _lines(scope: HTTPScope, header: str) -> list[str]:
    wanted = header.lower().encode()
    return [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]


def _bad(header: str, message: str, type_: str) -> InvalidInput:
    return InvalidInput([FieldError(["header", header], message, type_)])
