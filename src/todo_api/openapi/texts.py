"""Texts of the OpenAPI document, and the responses and headers to which they belong."""

from typing import Final

from todo_api.error_bodies import FieldError
from todo_api.errors import (
    ApiError,
    BodyTooLarge,
    DatabaseUnavailable,
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
CONDITION_HEADERS: Final[dict[str, dict[int, dict[str, str]]]] = {
    "If-Match": {200: {"ETag": "The ETag of the task."}, 412: {"ETag": "The ETag of the current task."}},
    "If-None-Match": {200: {"ETag": "The ETag of this data."}, 304: {"ETag": "The ETag of the client's data."}},
    "Idempotency-Key": {
        201: {
            "ETag": "The ETag of the task as it was created.",
            "Idempotency-Replayed": "`true` if this is the answer to an earlier request with the same key.",
        }
    },
}
"""Request header → status → response headers of operations that take it."""
OF_BODIES: Final = (408, 413, 415)
OF_QUERIES: Final = (414,)
OF_USERS: Final = (429, 503)
EVERYWHERE: Final = {"X-Request-ID": "Identifies the request in the log."}
LIMIT_HEADERS: Final = {
    "RateLimit-Policy": "Requests allowed at once, and seconds until as many are allowed again.",
    "RateLimit-Limit": "Requests allowed at once.",
    "RateLimit-Remaining": "Requests left of these.",
    "RateLimit-Reset": "Seconds until all are available again.",
}
SPACE: Final = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""The white space that `str.strip` removes. `\\s` differs between languages."""
PATH_PARAMETERS: Final = {
    "user_id": {
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
        "description": "Better Auth's user id: the `sub` of the token.",
    },
    "task_id": {"schema": {"type": "string", "format": "uuid"}, "description": "The `id` of a task."},
}
DESCRIPTION: Final = """
Tasks and tags of many users, strictly separated. Send the JWT that Better Auth issues as `Authorization: Bearer <JWT>`.
It needs `sub` and `exp`, and the `user_id` in the path must equal its `sub`.

Two devices of one user do not overwrite each other's edits, and a bad network does not create a task twice: send new
tasks with an `Idempotency-Key`, and changes with `If-Match` for the version that was edited. On 412, take `current` as
the new copy. If no field of the change is in `changed`, send the change again for that version; otherwise ask the user.
If a request got no answer, send the same request again.

Every answer has `X-Request-ID`, except 431 and a 400 to a message that is not HTTP. Besides the answers listed with an
operation these are possible. With the body `Error`: 404 for an unknown path (401 without a token), 405 with `Allow`,
409 `conflict` if another change came first, 414 for a path and query over 8 KiB, and 500 `internal_error` for a bug in
the service. With the body `ValidationError`: 400 for a request without exactly one valid `Host`. A body that takes
longer than ten seconds is 408. Headers over 16 KiB are 431 without a body. An answer lists at most 100 errors; its
`message` has the first as a text for people and counts all others. `HEAD` works on every path that has `GET`, and
`OPTIONS` lists the methods of a path in `Allow`. Only answers with an `ETag` may be cached.

Browsers may call from the origins that the operator allows. They can read `ETag`, `Location`, `X-Request-ID`,
`Retry-After` and `RateLimit-*`.

Requests are limited per user, and per address without a valid token. `RateLimit-*` says how many are left; the
`Retry-After` of a 429 says how long to wait.

The `code` of a 503 names the reason. After `database_unavailable`, `not_migrated`, `busy`, `database_too_slow`,
`read_only`, `storage_full`, `keys_unavailable` and `stopping` nothing was changed. After `outcome_unknown` the
connection to the database was lost during a change, which may have been made or not: read the task before you repeat
it. If the answer of the database to a create is lost, the service repeats the create, which makes one task.
"""
