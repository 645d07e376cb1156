"""The errors that a client can receive: status, `code`, `detail` and headers."""

from typing import ClassVar, Final

import msgspec
from litestar.types import Send

from todo_api.error_bodies import Error, FieldError, ValidationError, message_of


class ApiError(Exception):
    """An error with its HTTP response."""

    status: int
    code: str
    detail: str
    headers: ClassVar[dict[str, str]] = {}

    def body(self) -> msgspec.Struct:
        return Error(self.detail, self.code)

    def header_lines(self) -> dict[str, str]:
        return self.headers


class Described(ApiError):
    """An error whose body a feature makes."""

    def __init__(self, answer: msgspec.Struct, *others: str) -> None:
        """`others`: further arguments of the class, which a copy needs."""
        super().__init__(answer, *others)
        self.answer = answer

    def body(self) -> msgspec.Struct:
        return self.answer


MAX_BODY_BYTES: Final = 64 * 1024
"""The default. A route may set `request_max_body_size`."""
BODY_SECONDS: Final = 10
"""The default time for a whole body to arrive. A route may set `opt={"body_seconds": …}`."""
MOST_ERRORS: Final = 100
"""The most field errors in one response. A body of 64 KiB has room for thousands, and nobody reads so many."""


class InvalidInput(ApiError):
    status, code, detail = 400, "validation_error", "The input is invalid."

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(errors)
        self.errors = errors[:MOST_ERRORS]
        self.message = message_of(errors)

    def body(self) -> ValidationError:
        return ValidationError(self.errors, self.message)


class NotAuthenticated(ApiError):
    status, code = 401, "not_authenticated"
    detail = "Send a valid, unexpired JWT from Better Auth (not its session token) as `Authorization: Bearer <JWT>`."


class MetricsTokenNeeded(ApiError):
    status, code, detail = 401, "metrics_token_needed", "Send METRICS_TOKEN as `Authorization: Bearer <it>`."


class NotYourPath(ApiError):
    status, code = 403, "not_your_path"
    detail = "Not authorized: the user in the path is not the user of the token."


class OriginNotAllowed(ApiError):
    status, code = 403, "origin_not_allowed"
    detail = "Not authorized: this origin is not in ALLOWED_ORIGINS."


class NotFound(ApiError):
    status, code, detail = 404, "not_found", "The path was not found: nothing is served here."


class TaskNotFound(ApiError):
    status, code, detail = 404, "task_not_found", "The task was not found."


class TagNotFound(ApiError):
    status, code, detail = 404, "tag_not_found", "The tag was not found: none of your tasks has it."


class MethodNotAllowed(ApiError):
    status, code, detail = 405, "method_not_allowed", "This path does not answer this method; see `Allow`."


class SlowBody(ApiError):
    status, code, detail = 408, "slow_body", "The body did not arrive within ten seconds."
    headers: ClassVar[dict[str, str]] = {"Connection": "close"}

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        if seconds != BODY_SECONDS:
            self.detail = f"The body did not arrive within {seconds:g} seconds."


class Conflict(ApiError):
    status, code, detail = 409, "conflict", "Another change came first. Look again, then try again."


class IdempotencyKeyReused(ApiError):
    status, code = 409, "idempotency_key_reused"
    detail = "This Idempotency-Key came with another body before. Make up a new one for each task."


class IdTaken(Described):
    status, code = 409, "id_taken"
    detail = "A task with this id exists, or existed. If the task in `current` is yours, the create was done before."


class LimitReached(ApiError):
    status, code = 409, "limit_reached"
    detail = "You have as many tasks as this service keeps for a user. Delete some first."


class TooMany(ApiError):
    status, code = 409, "too_many"
    detail = "This would change more than 5,000 tasks at once. Change the tags of some of the tasks first."


class CursorExpired(ApiError):
    status, code = 410, "cursor_expired"
    detail = "The cursor is too old. Begin again without a cursor; changes that were not sent yet stay valid."


class TaskDeleted(ApiError):
    status, code = 410, "task_deleted"
    detail = "The task that this Idempotency-Key created was deleted. Use a new key to create another one."


class StaleVersion(Described):
    status, code, detail = 412, "stale_version", "The task has another version by now than If-Match names."

    def __init__(self, answer: msgspec.Struct, etag: str) -> None:
        super().__init__(answer, etag)
        self.etag = etag

    def header_lines(self) -> dict[str, str]:
        return {"ETag": self.etag}


class BodyTooLarge(ApiError):
    status, code = 413, "body_too_large"

    def __init__(self, max_bytes: int = MAX_BODY_BYTES) -> None:
        size = f"{max_bytes} bytes" if max_bytes % 1024 else f"{max_bytes // 1024} KiB"
        self.detail = f"The body is larger than {size}."


class UriTooLong(ApiError):
    status, code, detail = 414, "uri_too_long", "The path and the query are longer than 8 KiB."


class NotJson(ApiError):
    status, code, detail = 415, "not_json", "Send the body as `Content-Type: application/json`."


class TooManyRequests(ApiError):
    status, code, detail = 429, "too_many_requests", "Too many requests. Wait for as long as `Retry-After` says."


class Unavailable(ApiError):
    """An error of the database. Nothing was changed, except perhaps after `OutcomeUnknown`."""

    status = 503


class DatabaseUnavailable(Unavailable):
    code, detail = "database_unavailable", "The database is not available. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


class KeysUnavailable(ApiError):
    status, code, detail = 503, "keys_unavailable", "The keys of Better Auth are not available. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class Busy(Unavailable):
    code, detail = "busy", "Too much is going on at once. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class DatabaseTooSlow(Unavailable):
    code, detail = "database_too_slow", "The database took too long, and was stopped. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class ReadOnly(Unavailable):
    code, detail = "read_only", "The database takes no changes at the moment; reading works. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class StorageFull(Unavailable):
    code, detail = "storage_full", "The database has no room left for changes; reading works."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "60"}


class NotMigrated(Unavailable):
    """The schema is older than this version of the service needs. SQLSTATE: a table, column or function is missing."""

    code, detail = "not_migrated", "The database is not migrated to this version yet. Try again when it is."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class OutcomeUnknown(Unavailable):
    code = "outcome_unknown"
    detail = "The database was lost in the middle: the change may have been made or not. Look before you repeat it."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


class Stopping(ApiError):
    status, code, detail = 503, "stopping", "This instance is stopping: others serve."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class InternalError(ApiError):
    status, code, detail = 500, "internal_error", "Something went wrong on our side. Report the X-Request-ID."


async def send_error(send: Send, error: ApiError, headers: dict[str, str] | None = None) -> None:
    """Sends `error` from ASGI middleware. Routes raise it."""
    body = msgspec.json.encode(error.body())
    lines = {
        **error.header_lines(),
        **(headers or {}),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    encoded = [(name.lower().encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})
