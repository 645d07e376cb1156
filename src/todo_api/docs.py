"""The OpenAPI document and its page.

The framework's document is corrected where it does not tell the truth: it drops the constraints of list items, closed
objects and struct docstrings, and knows errors of another shape. msgspec's own schemas say it all.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args

import msgspec
from litestar import Litestar, MediaType, Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.routes import HTTPRoute

from todo_api import __doc__ as summary
from todo_api import __version__
from todo_api.conditions import PARAMETERS
from todo_api.errors import (
    ApiError,
    BodyTooLarge,
    DatabaseAway,
    Error,
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
    ValidationError,
)
from todo_api.scalar import ScalarPage, docs_router

Document = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_REFUSALS: Final[dict[int, ApiError]] = {
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
    503: DatabaseAway(),
}
_HEADERS: Final[dict[int, dict[str, str]]] = {
    201: {"Location": "The path of the new task."},
    401: {"WWW-Authenticate": "`Bearer`, RFC 6750."},
    429: {"Retry-After": "Seconds to wait."},
    503: {"Retry-After": "Seconds to wait."},
}
_CONDITION_HEADERS: Final[dict[str, dict[int, dict[str, str]]]] = {
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
_OF_BODIES: Final = (408, 413, 415)
_OF_QUERIES: Final = (414,)
_OF_USERS: Final = (429, 503)
_EVERYWHERE: Final = {"X-Request-ID": "Identifies the request in the log."}
_LIMIT_HEADERS: Final = {
    "RateLimit-Policy": "Requests that may come at once, and in how many seconds as many again.",
    "RateLimit-Limit": "Requests that may come at once.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "Seconds until all are there again.",
}
_SPACE: Final = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What `str.strip` takes for white space; `\\s` is something else in each language."""
_PATH_PARAMETERS: Final = {
    "user_id": {
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
        "description": "Better Auth's user id, the `sub` of the token.",
    },
    "task_id": {"schema": {"type": "string", "format": "uuid"}, "description": "The `id` of a task."},
}
_DESCRIPTION: Final = """
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


def answers(*statuses: int) -> dict[int, ResponseSpec]:
    """The refusals of an operation, for its `responses`."""
    return {
        status: ResponseSpec(
            ValidationError if status == 400 else Error,
            description=_REFUSALS[status].detail,
            generate_examples=False,
        )
        for status in statuses
    }


def document(app: Litestar) -> Document:
    """The app's OpenAPI 3.1 document."""
    doc: Document = app.openapi_schema.to_schema()
    handlers = {handler.operation_id: handler for handler in _handlers(app)}
    structs = {struct for handler in handlers.values() for struct in _structs_of(handler)}
    structs |= {type(refusal.body()) for handler in handlers.values() for refusal in _refusals(handler)}
    _, doc["components"]["schemas"] = msgspec.json.schema_components(
        sorted([*structs, Error, ValidationError], key=lambda struct: struct.__name__), ref_template=_REF
    )
    texts = {
        name: text for headers in (_EVERYWHERE, _LIMIT_HEADERS, *_HEADERS.values()) for name, text in headers.items()
    }
    doc["components"]["headers"] = {
        name: {"schema": {"type": "string"}, "description": text} for name, text in sorted(texts.items())
    }
    _measure_trimmed(doc["components"]["schemas"])
    for path, item in doc["paths"].items():
        for operation in item.values():
            handler = handlers[operation["operationId"]]
            parameters = [_path_parameter(parameter["name"]) for parameter in operation.get("parameters", ())]
            operation["parameters"] = parameters + list(_query_parameters(handler.opt.get("query")))
            conditions = handler.opt.get("headers", ())
            operation["parameters"] += [_header_parameter(name) for name in conditions]
            if handler.parsed_data_field is not None and handler.parsed_data_field.is_optional:
                (struct,) = _structs(handler.parsed_data_field.annotation)
                schema = {"$ref": _REF.format(name=struct.__name__)}
                operation["requestBody"] = {"content": {"application/json": {"schema": schema}}, "required": False}
            users = "{user_id}" in path
            statuses: tuple[int, ...] = _OF_BODIES if "requestBody" in operation else ()
            statuses += (_OF_QUERIES if handler.opt.get("query") else ()) + (_OF_USERS if users else ())
            for status in statuses:
                operation["responses"].setdefault(str(status), {"description": _REFUSALS[status].detail})
            operation["responses"] |= {str(each.status): {"description": each.detail} for each in _refusals(handler)}
            if "If-None-Match" in conditions:
                operation["responses"]["304"] = {"description": "The client has it already."}
            refusals = _REFUSALS | {each.status: each for each in _refusals(handler)}
            for status, answer in operation["responses"].items():
                _complete(int(status), answer, refusals, conditions, _LIMIT_HEADERS if users else {})
    return doc


def _handlers(app: Litestar) -> Iterator[HTTPRouteHandler]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from (handler for handler in route.route_handlers if handler.operation_id)


def _structs_of(handler: HTTPRouteHandler) -> Iterator[type[msgspec.Struct]]:
    yield from _structs(handler.parsed_return_field.annotation)
    if handler.parsed_data_field is not None:
        yield from _structs(handler.parsed_data_field.annotation)


def _structs(annotation: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for part in get_args(annotation):
        yield from _structs(part)


def _refusals(handler: HTTPRouteHandler) -> list[ApiError]:
    """Those that this operation alone knows."""
    refusals: list[ApiError] = handler.opt.get("refusals", [])
    return refusals


def _header_parameter(name: str) -> Document:
    return {"name": name, "in": "header", "required": False, **PARAMETERS[name]}


def _measure_trimmed(schema: Any) -> None:
    """JSON Schema cannot say that a length is that without white space around, but a pattern can."""
    if isinstance(schema, dict):
        if schema.pop("x-trimmed", False):
            between = schema.pop("maxLength") - schema.pop("minLength") - 1
            inside, end = r"[^\x00]", rf"[^\x00{_SPACE}]"
            schema["pattern"] = f"^[{_SPACE}]*{end}({inside}{{0,{between}}}{end})?[{_SPACE}]*$"
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            _measure_trimmed(part)


def _path_parameter(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, **_PATH_PARAMETERS[name]}


def _query_parameters(struct: type[msgspec.Struct] | None) -> Iterator[Document]:
    if struct is not None:
        (_,), components = msgspec.json.schema_components([struct], ref_template=_REF)
        for name, schema in components[struct.__name__]["properties"].items():
            description = schema.pop("description", "")
            yield {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _complete(
    status: int,
    answer: Document,
    refusals: dict[int, ApiError],
    conditions: Iterable[str],
    further: dict[str, str],
) -> None:
    names = {*_EVERYWHERE, *further, *_HEADERS.get(status, {})}
    headers: Document = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    for condition in conditions:
        for name, text in _CONDITION_HEADERS[condition].get(status, {}).items():
            headers[name] = {"schema": {"type": "string"}, "description": text}
    answer["headers"] = dict(sorted(headers.items()))
    if status in refusals:
        body = refusals[status].body()
        schema = {"$ref": _REF.format(name=type(body).__name__)}
        answer["content"] = {"application/json": {"schema": schema, "example": msgspec.to_builtins(body)}}


class _Json(JsonRenderPlugin):
    def render(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:
        return _document_bytes(request.app)


def _document_bytes(app: Litestar) -> bytes:
    if "openapi" not in app.state:
        app.state.openapi = msgspec.json.encode(document(app))
    made: bytes = app.state.openapi
    return made


@get("/openapi.json", include_in_schema=False, media_type=MediaType.JSON, sync_to_thread=False)
def openapi_json(request: Request[Any, Any, Any]) -> bytes:
    return _document_bytes(request.app)


def config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="todo_api",
        version=__version__,
        summary=summary,
        description=_DESCRIPTION.strip(),
        license=License(name="MIT", identifier="MIT"),
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http", scheme="bearer", bearer_format="JWT", description="A JWT that Better Auth issued."
                )
            }
        ),
        security=[{"bearer": []}],
        tags=[Tag("tasks"), Tag("tags"), Tag("health")],
        openapi_router=docs_router(),
        render_plugins=[ScalarPage(), _Json()],
    )


def routes(*, enabled: bool) -> list[HTTPRouteHandler]:
    return [openapi_json] if enabled else []
