"""What a client can be told."""

from typing import ClassVar, Final

import asyncpg
import msgspec
from litestar.types import Send


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with the input."""

    loc: list[str | int]
    """Where: `body`, `query`, `path` or `header`, then the field, then the position in a list."""
    msg: str
    type: str
    """A stable word, pydantic's where it has one."""


class Error(msgspec.Struct, frozen=True):
    """Every answer that is not 2xx, but for invalid input."""

    detail: str
    code: str
    """A stable word for programs."""


class ValidationError(msgspec.Struct, frozen=True):
    """The answer to invalid input: every error that was found."""

    detail: list[FieldError]
    code: str = "validation_error"


class ApiError(Exception):
    """A refusal with its answer."""

    status: ClassVar[int]
    code: ClassVar[str]
    detail: ClassVar[str]
    headers: ClassVar[dict[str, str]] = {}

    def body(self) -> msgspec.Struct:
        return Error(self.detail, self.code)

    def header_lines(self) -> dict[str, str]:
        return self.headers


MOST_ERRORS: Final = 100
"""Of one request: a body of 64 KiB has room for thousands of wrong fields, and nobody reads so many."""


class InvalidInput(ApiError):
    status, code, detail = 400, "validation_error", "The input is invalid."

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(errors)
        self.errors = errors[:MOST_ERRORS]

    def body(self) -> ValidationError:
        return ValidationError(self.errors)


class NotAuthenticated(ApiError):
    status, code = 401, "not_authenticated"
    detail = "Send a valid, unexpired JWT from Better Auth (not its session token) as `Authorization: Bearer <JWT>`."


class MetricsTokenNeeded(ApiError):
    status, code, detail = 401, "metrics_token_needed", "Send METRICS_TOKEN as `Authorization: Bearer <it>`."


class NotYourPath(ApiError):
    status, code = 403, "not_your_path"
    detail = "The user in the path is not the user of the token."


class OriginNotAllowed(ApiError):
    status, code, detail = 403, "origin_not_allowed", "This origin is not in ALLOWED_ORIGINS."


class NotFound(ApiError):
    status, code, detail = 404, "not_found", "Nothing is served at this path."


class TaskNotFound(ApiError):
    status, code, detail = 404, "task_not_found", "There is no such task."


class MethodNotAllowed(ApiError):
    status, code, detail = 405, "method_not_allowed", "This path does not answer this method; see `Allow`."


class SlowBody(ApiError):
    status, code, detail = 408, "slow_body", "The body did not arrive within ten seconds."
    headers: ClassVar[dict[str, str]] = {"Connection": "close"}


class Conflict(ApiError):
    status, code, detail = 409, "conflict", "Another change came first. Look again, then try again."


class IdempotencyKeyReused(ApiError):
    status, code = 409, "idempotency_key_reused"
    detail = "This Idempotency-Key came with another body before. Make up a new one for each task."


class StaleVersion(ApiError):
    status, code, detail = 412, "stale_version", "The task has another version by now than If-Match names."

    def __init__(self, answer: msgspec.Struct, etag: str) -> None:
        super().__init__(answer, etag)
        self.answer = answer
        self.etag = etag

    def body(self) -> msgspec.Struct:
        return self.answer

    def header_lines(self) -> dict[str, str]:
        return {"ETag": self.etag}


class BodyTooLarge(ApiError):
    status, code, detail = 413, "body_too_large", "The body is larger than 64 KiB."


class UriTooLong(ApiError):
    status, code, detail = 414, "uri_too_long", "The path and the query are longer than 8 KiB."


class NotJson(ApiError):
    status, code, detail = 415, "not_json", "Send the body as `Content-Type: application/json`."


class TooManyRequests(ApiError):
    status, code, detail = 429, "too_many_requests", "Too many requests. Wait for as long as `Retry-After` says."


class Unavailable(ApiError):
    """The database's share of failures. But for `OutcomeUnknown`, nothing was changed."""

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


ALL: Final[tuple[type[ApiError], ...]] = tuple(
    error for error in (*ApiError.__subclasses__(), *Unavailable.__subclasses__()) if hasattr(error, "code")
)

_MEANINGS: Final[dict[str, type[ApiError]]] = {
    "08": DatabaseUnavailable,
    "57P": DatabaseUnavailable,
    "57014": DatabaseTooSlow,
    "25006": ReadOnly,
    "53100": StorageFull,
    "53": Busy,
    "40001": Busy,
    "40P01": Busy,
    "55P03": Busy,
    "23503": Conflict,
    "23505": Conflict,
    "23P01": Conflict,
    "3F000": NotMigrated,
    "42703": NotMigrated,
    "42883": NotMigrated,
    "42P01": NotMigrated,
}
"""SQLSTATEs, or their beginnings, the longer before the shorter."""
_INPUT_CLASS: Final = "22"


def from_database(error: Exception) -> ApiError:
    """What a failure of the driver means to the client, by SQLSTATE.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    if isinstance(error, ApiError):
        return error
    state = getattr(error, "sqlstate", None)
    if isinstance(error, asyncpg.PostgresError) and state:
        if state.startswith(_INPUT_CLASS):
            return InvalidInput([FieldError(["body"], "A value cannot be stored", "value_error")])
        return next((meaning for start, meaning in _MEANINGS.items() if state.startswith(start)), InternalError)()
    return InternalError()


async def send_error(send: Send, error: ApiError, headers: dict[str, str] | None = None) -> None:
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
