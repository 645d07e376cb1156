"""What the OpenAPI document says in words, and which answers and headers it says it of."""

from typing import Final

from todo_api.errors import (
    ApiError,
    BodyTooLarge,
    DatabaseUnavailable,
    FieldError,
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
    "If-Match": {200: {"ETag": "Of the task."}, 412: {"ETag": "Of the current task."}},
    "If-None-Match": {200: {"ETag": "Of this answer's data."}, 304: {"ETag": "Of the data, as the client has it."}},
    "Idempotency-Key": {
        201: {
            "ETag": "Of the task as it was created.",
            "Idempotency-Replayed": "`true` where this is the answer of an earlier request with the same key.",
        }
    },
}
"""What answers carry where a request may carry one of these."""
OF_BODIES: Final = (408, 413, 415)
OF_QUERIES: Final = (414,)
OF_USERS: Final = (429, 503)
EVERYWHERE: Final = {"X-Request-ID": "Identifies the request in the log."}
LIMIT_HEADERS: Final = {
    "RateLimit-Policy": "Requests that may come at once, and in how many seconds as many again.",
    "RateLimit-Limit": "Requests that may come at once.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "Seconds until all are there again.",
}
SPACE: Final = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What `str.strip` takes for white space; `\\s` is something else in each language."""
PATH_PARAMETERS: Final = {
    "user_id": {
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
        "description": "Better Auth's user id, the `sub` of the token.",
    },
    "task_id": {"schema": {"type": "string", "format": "uuid"}, "description": "The `id` of a task."},
}
DESCRIPTION: Final = """
Tasks and tags of many users, strictly apart. Send the JWT that Better Auth issues as `Authorization: Bearer <JWT>`; it
needs `sub`, `iat` and `exp`, and the `user_id` in the path must be its `sub`.

Two devices of one user do not lose each other's edits, and a bad network creates no task twice: send new tasks with an
`Idempotency-Key`, and changes with `If-Match` for the version that they were made on. On 412, take `current` as the new
copy; if no field of the change is in `changed`, send it again for that version, else ask the user. What got no answer
is sent again as it was.

Every answer but a 431, and a 400 to what is no HTTP, carries `X-Request-ID`. Besides the answers listed with an
operation there are, with the body `Error`: 404 for an unknown path (401 without a token), 405 with `Allow`, 409
`conflict` where another change came first, 414 for a path and query over 8 KiB, 500 `internal_error` for a bug of
ours, and with the body `ValidationError` 400 for a request without exactly one valid `Host`. A body that takes longer
than ten seconds is 408, headers over 16 KiB are 431 without a body. At most 100 errors of one request are named.
`HEAD` works wherever `GET` does, and `OPTIONS` lists the methods of a path in `Allow`. Answers must not be cached,
but for those with an `ETag`.

Browsers may call from the origins that the operator lists; `ETag`, `Location`, `X-Request-ID`, `Retry-After` and
`RateLimit-*` are exposed to them.

Requests are limited for each user, and without a valid token for each address: `RateLimit-*` says how many are left,
429 with `Retry-After` how long to wait.

A 503 says by its `code` what is the matter: `database_unavailable`, `busy`, `database_too_slow`, `read_only`,
`storage_full`, `keys_unavailable` and `stopping` mean that nothing was changed. `outcome_unknown` means that the
database was lost in the middle of a change, which may have been made or not: look before you repeat it. A create whose
answer was lost is asked for once more, and made once.
"""
