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
    DatabaseAway,
    Error,
    FieldError,
    IdempotencyKeyReused,
    InvalidInput,
    NotAuthenticated,
    NotYourPath,
    TaskNotFound,
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
    409: IdempotencyKeyReused(),
    503: DatabaseAway(),
}
_HEADERS: Final[dict[int, dict[str, str]]] = {
    201: {"Location": "The path of the new task."},
    401: {"WWW-Authenticate": "`Bearer`, RFC 6750."},
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

Every answer carries `X-Request-ID`. Besides the answers listed with an operation there are, with the body `Error`: 404
for an unknown path, 405 with `Allow`, 413 for a body over 64 KiB, 415 for a body that is not `application/json`, and
503 with `Retry-After`. `HEAD` works wherever `GET` does.

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
    for item in doc["paths"].values():
        for operation in item.values():
            handler = handlers[operation["operationId"]]
            parameters = [_path_parameter(parameter["name"]) for parameter in operation.get("parameters", ())]
            operation["parameters"] = parameters + list(_query_parameters(handler.opt.get("query")))
            conditions = handler.opt.get("headers", ())
            operation["parameters"] += [_header_parameter(name) for name in conditions]
            operation["responses"] |= {str(each.status): {"description": each.detail} for each in _refusals(handler)}
            if "If-None-Match" in conditions:
                operation["responses"]["304"] = {"description": "The client has it already."}
            refusals = _REFUSALS | {each.status: each for each in _refusals(handler)}
            if "requestBody" in operation:
                _say_whether_needed(operation["requestBody"])
            for status, answer in operation["responses"].items():
                _complete(int(status), answer, refusals, conditions)
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


def _path_parameter(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, **_PATH_PARAMETERS[name]}


def _query_parameters(struct: type[msgspec.Struct] | None) -> Iterator[Document]:
    if struct is not None:
        (_,), components = msgspec.json.schema_components([struct], ref_template=_REF)
        for name, schema in components[struct.__name__]["properties"].items():
            description = schema.pop("description", "")
            yield {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _say_whether_needed(body: Document) -> None:
    """A body that may be left out is not one that may be null."""
    content = body["content"]["application/json"]
    choices = content["schema"].get("oneOf", ())
    if {"type": "null"} in choices:
        (content["schema"],) = (choice for choice in choices if choice != {"type": "null"})
        body["required"] = False


def _complete(status: int, answer: Document, refusals: dict[int, ApiError], conditions: Iterable[str]) -> None:
    headers = {"X-Request-ID": "Identifies the request in the log.", **_HEADERS.get(status, {})}
    for condition in conditions:
        headers |= _CONDITION_HEADERS[condition].get(status, {})
    answer["headers"] = {
        name: {"schema": {"type": "string"}, "description": text} for name, text in sorted(headers.items())
    }
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
