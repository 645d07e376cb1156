"""Texts of the OpenAPI document, and the responses and headers to which they belong."""

from typing import Final

from litestar.openapi.spec import SecurityScheme

from todo_api.error_bodies import FieldError
from todo_api.errors import (
    AccountErased,
    ApiError,
    BodyTooLarge,
    Conflict,
    IdempotencyKeyReused,
    InvalidInput,
    NotAuthenticated,
    NotJson,
    NotYourPath,
    SlowBody,
    TaskNotFound,
    TooManyRequests,
    UriTooLong,
)
from todo_api.unavailable import DatabaseUnavailable, KeysUnavailable, OutcomeUnknown, Unavailable

ERROR_RESPONSES: Final[dict[int, ApiError]] = {
    400: InvalidInput([FieldError(["body", "title"], "This field is required", "missing")]),
    401: NotAuthenticated(),
    403: NotYourPath(),
    404: TaskNotFound(),
    408: SlowBody(),
    409: IdempotencyKeyReused(),
    413: BodyTooLarge(),
    414: UriTooLong(),
    415: NotJson(),
    429: TooManyRequests(),
    503: DatabaseUnavailable(),
}
HEADERS: Final[dict[int, dict[str, str]]] = {
    201: {"Location": "The path of the new task."},
    401: {"WWW-Authenticate": "`Bearer`, RFC 6750."},
    429: {"Retry-After": "Seconds to wait."},
    503: {"Retry-After": "Seconds to wait."},
}
_REPLAYED: Final = "`true` if this is the answer to an earlier request with the same key."
CONDITION_HEADERS: Final[dict[str, dict[int, dict[str, str]]]] = {
    "If-Match": {200: {"ETag": "The ETag of the task."}, 412: {"ETag": "The ETag of the current task."}},
    "If-None-Match": {200: {"ETag": "The ETag of this data."}, 304: {"ETag": "The ETag of the client's data."}},
    "Idempotency-Key": {
        200: {"Idempotency-Replayed": _REPLAYED},
        201: {
            "ETag": "The ETag of the task as it was created.",
            "Idempotency-Replayed": _REPLAYED,
        },
    },
}
"""Request header → status → response headers of operations that take it."""
OF_BODIES: Final[tuple[type[ApiError], ...]] = (SlowBody, BodyTooLarge, NotJson)
OF_QUERIES: Final[tuple[type[ApiError], ...]] = (UriTooLong,)
OF_USERS: Final[tuple[type[ApiError], ...]] = (TooManyRequests, Unavailable, KeysUnavailable)
"""Errors of all operations of a kind. A class stands for its subclasses too."""
OF_CHANGES: Final[tuple[type[ApiError], ...]] = (AccountErased, Conflict, OutcomeUnknown)
"""Errors of all operations that are not reads, and of no read."""
EVERYWHERE: Final = {"X-Request-ID": "Identifies the request in the log."}
LIMIT_HEADERS: Final = {
    "RateLimit-Policy": "Requests allowed at once, and seconds until as many are allowed again.",
    "RateLimit-Limit": "Requests allowed at once.",
    "RateLimit-Remaining": "Requests left of these.",
    "RateLimit-Reset": "Seconds until all are available again.",
}
CHANGE_HEADERS: Final = {
    "Change-Id": "The number of this change. It rises with each change of the user. Absent if nothing was changed.",
}
"""Headers of successful answers of operations that change something."""
SPACE: Final = r"\s\x1c-\x1f\x85"
"""The white space that `str.strip` removes. JavaScript's `\\s` does not have these six characters."""
PATH_PARAMETERS: Final = {
    "user_id": {
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
        "description": "Better Auth's user id: the `sub` of the token.",
    },
    "task_id": {"schema": {"type": "string", "format": "uuid"}, "description": "The `id` of a task."},
    "name": {
        "schema": {"type": "string"},
        "description": (
            "The name of a tag, as `encodeURIComponent` encodes it: `/` is `%2F`. Surrounding white space does not "
            "count. The names `.` and `..` need it: `%20..`. Without it, clients take them for parts of the path."
        ),
        "example": "shopping",
    },
}
ETAG_PARAMETERS: Final = ("If-Match", "If-None-Match")
ETAG_OF_TASK: Final = '"3"'
ETAG_OF_LIST: Final = '"r41-0-1-99aa06d3014798d8"'
BEARER: Final = SecurityScheme(
    type="http", scheme="bearer", bearer_format="JWT", description="A JWT that Better Auth issued."
)
TAGS: Final = {
    "tasks": "The tasks of one user: create, list, search, change, complete, delete.",
    "tags": "The tags of one user's tasks, with their counts.",
    "account": "Everything of one user, to erase it.",
    "changes": "The changes of one user's tasks, for clients that keep a copy.",
    "trash": "The deleted tasks of one user: restore them, or delete them for good.",
    "history": "The changes of a task, and undo.",
    "limits": "How much one user may keep, and how fast a user may ask.",
    "health": "Liveness and readiness, for the platform that runs the service. Without a token.",
}
DESCRIPTION: Final = """
Tasks and tags of many users, strictly separated. Send the JWT that Better Auth issues as `Authorization: Bearer <JWT>`.
It needs `sub` and `exp`, and the `user_id` in the path must equal its `sub`.

Two devices of one user do not overwrite each other's edits, and a bad network does not create a task twice: send new
tasks with an `Idempotency-Key`, and changes with `If-Match` for the version that was edited. On 412, take `current` as
the new copy. If no field of the change is in `changed`, send the change again for that version; otherwise ask the user.
If a request got no answer, send the same request again. An answer to a change has its number in `Change-Id`.

Every answer has `X-Request-ID`, except 431 and a 400 to a message that is not HTTP. Besides the answers listed with an
operation these are possible. With the body `{"detail", "code"}`: 404 for an unknown path (401 without a token), 405
with `Allow`, 414 for a path and query over 8 KiB, and 500 `internal_error` for a bug in the service. With the body
`ValidationError`: 400 for a request without exactly one valid `Host`. A body that takes longer than ten seconds is 408.
Headers over 16 KiB are 431 without a body. An answer lists at most 100 errors; its `message` has the first as a text
for people and counts all others. `HEAD` works on every path that has `GET`, and `OPTIONS` lists the methods of a path
in `Allow`. Only answers with an `ETag` may be cached.

Browsers may call from the origins that the operator allows. They can read `ETag`, `Location`, `Change-Id`,
`Idempotency-Replayed`, `X-Request-ID`, `Retry-After` and `RateLimit-*`.

Requests are limited per user, and per address without a valid token. `RateLimit-*` says how many are left; the
`Retry-After` of a 429 says how long to wait.

The `code` of a 503 names the reason. After `database_unavailable`, `not_migrated`, `busy`, `database_too_slow`,
`read_only`, `storage_full`, `keys_unavailable` and `stopping` nothing was changed. After `outcome_unknown` the
connection to the database was lost during a change, which may have been made or not: read the task before you repeat
it. If the answer of the database to a create is lost, the service repeats the create, which makes one task.
"""
