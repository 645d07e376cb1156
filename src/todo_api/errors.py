"""The errors that a client can receive: status, `code`, `detail` and headers. Those of the database are beside it."""

from typing import ClassVar, Final

import msgspec

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


class AccountErased(ApiError):
    """The account was erased after the token was issued, or in the same second. Or an erasure has not ended yet."""

    status, code = 403, "account_erased"
    detail = "Not authorized: this account was erased, and the token was issued before. Sign in again for a new one."


class OriginNotAllowed(ApiError):
    status, code = 403, "origin_not_allowed"
    detail = "Not authorized: this origin is not in ALLOWED_ORIGINS."


class NotFound(ApiError):
    status, code, detail = 404, "not_found", "The path was not found: nothing is served here."


class TaskNotFound(ApiError):
    status, code, detail = 404, "task_not_found", "The task was not found."


class TagNotFound(ApiError):
    status, code, detail = 404, "tag_not_found", "The tag was not found: none of your tasks has it."


class ChangeNotFound(ApiError):
    status, code, detail = 404, "change_not_found", "The change was not found: no write of yours has this number."


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
    detail = "This Idempotency-Key came with another request before. Make up a new one for each request."


class IdTaken(Described):
    status, code = 409, "id_taken"
    detail = "A task with this id exists, or existed. If the task in `current` is yours, the create was done before."


class UndoConflict(Described):
    status, code = 409, "undo_conflict"
    detail = "Nothing can be taken back: what this write did was changed again since."


class LimitReached(ApiError):
    status, code = 409, "limit_reached"
    detail = "You have as many tasks as this service keeps for a user. Delete some first."


class TooMany(ApiError):
    status, code = 409, "too_many"
    detail = "This would change more than 5,000 tasks at once. Change the tags of some of the tasks first."


class BatchFailed(Described):
    status, code = 409, "batch_failed"
    detail = "Nothing was changed: an operation of the batch was refused. Its result has the `error`."


class TrashTooLarge(ApiError):
    status, code = 409, "trash_too_large"
    detail = "50,000 tasks were deleted for good. The trash has more: repeat the request."


class CursorExpired(ApiError):
    status, code = 410, "cursor_expired"
    detail = "The cursor is too old. Begin again without a cursor; changes that were not sent yet stay valid."


class TooOld(ApiError):
    status, code = 410, "too_old"
    detail = "This write cannot be taken back any more: it is too old, or its task was deleted for good."


class TaskDeleted(ApiError):
    status, code = 410, "task_deleted"
    detail = "The task that this Idempotency-Key created or restored was deleted. Use a new key for another request."


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
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}

    def __init__(self, retry_after: int | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after

    def header_lines(self) -> dict[str, str]:
        return self.headers if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class TooManyStreams(ApiError):
    status, code = 429, "too_many_streams"
    detail = "You have as many streams as one worker of this service opens, or the worker has. Close those not needed."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class InternalError(ApiError):
    status, code, detail = 500, "internal_error", "Something went wrong on our side. Report the X-Request-ID."
