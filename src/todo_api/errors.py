"""What a client can be told."""

from typing import Any, ClassVar, Final

import asyncpg
import msgspec
from litestar import MediaType, Response
from litestar.types import Send


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with the input."""

    loc: list[str | int]
    """Where: `body`, `query` or `path`, then the field, then the position in a list."""
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

    def body(self) -> Error | ValidationError:
        return Error(self.detail, self.code)


class InvalidInput(ApiError):
    status, code, detail = 400, "validation_error", "The input is invalid."

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(errors)
        self.errors = errors

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


class NoSuchPath(ApiError):
    status, code, detail = 404, "not_found", "Nothing is served at this path."


class TaskNotFound(ApiError):
    status, code, detail = 404, "task_not_found", "There is no such task."


class MethodNotAllowed(ApiError):
    status, code, detail = 405, "method_not_allowed", "This path does not answer this method; see `Allow`."


class BodyTooLarge(ApiError):
    status, code, detail = 413, "body_too_large", "The body is larger than 64 KiB."


class NotJson(ApiError):
    status, code, detail = 415, "not_json", "Send the body as `Content-Type: application/json`."


class DatabaseAway(ApiError):
    status, code, detail = 503, "database_unavailable", "The database is not available. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


class Busy(ApiError):
    status, code, detail = 503, "busy", "Too much is going on at once. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class OurBug(ApiError):
    status, code, detail = 500, "internal_error", "Something went wrong on our side. Report the X-Request-ID."


ALL: Final[tuple[type[ApiError], ...]] = tuple(ApiError.__subclasses__())

_AWAY_CLASSES = ("08", "57P")
_BUSY_STATES = ("53300", "57014", "40001", "40P01", "55P03")


def from_database(error: Exception) -> ApiError:
    """What a failure of the driver means to the client, by SQLSTATE.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    state = getattr(error, "sqlstate", None)
    if isinstance(error, asyncpg.PostgresError) and state:
        if state.startswith(_BUSY_STATES):
            return Busy()
        return DatabaseAway() if state.startswith(_AWAY_CLASSES) else OurBug()
    if isinstance(error, asyncpg.InterfaceError | OSError):
        return DatabaseAway()
    return OurBug()


def respond(error: ApiError, headers: dict[str, str] | None = None) -> Response[Any]:
    return Response(
        error.body(), status_code=error.status, headers={**error.headers, **(headers or {})}, media_type=MediaType.JSON
    )


async def send_error(send: Send, error: ApiError, headers: dict[str, str] | None = None) -> None:
    """The same answer as `respond`, from outside the framework's routing."""
    body = msgspec.json.encode(error.body())
    lines = {
        **error.headers,
        **(headers or {}),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    encoded = [(name.lower().encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})
