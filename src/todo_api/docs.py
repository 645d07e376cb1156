"""The OpenAPI document and its page.

The framework's document is corrected where it does not tell the truth: it drops the constraints of list items, closed
objects and struct docstrings, and knows errors of another shape. msgspec's own schemas say it all.
"""

from collections.abc import Iterator
from typing import Any, Final, get_args

import msgspec
from litestar import Litestar, MediaType, Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, ScalarRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.routes import HTTPRoute

from todo_api import __doc__ as summary
from todo_api import __version__
from todo_api.errors import (
    ApiError,
    DatabaseAway,
    Error,
    FieldError,
    InvalidInput,
    NotAuthenticated,
    NotYourPath,
    TaskNotFound,
    ValidationError,
)

Document = dict[str, Any]

_SCALAR: Final = "https://cdn.jsdelivr.net/npm/@scalar/api-reference@1.46.4"
_REF: Final = "#/components/schemas/{name}"
_REFUSALS: Final[dict[int, ApiError]] = {
    400: InvalidInput([FieldError(["body", "title"], "This field is required", "missing")]),
    401: NotAuthenticated(),
    403: NotYourPath(),
    404: TaskNotFound(),
    503: DatabaseAway(),
}
_HEADERS: Final[dict[int, dict[str, str]]] = {
    201: {"Location": "The path of the new task."},
    401: {"WWW-Authenticate": "`Bearer`, RFC 6750."},
    503: {"Retry-After": "Seconds to wait."},
}
_PATH_PARAMETERS: Final = {
    "user_id": {
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
        "description": "Better Auth's user id, the `sub` of the token.",
    },
    "task_id": {"schema": {"type": "string", "format": "uuid"}, "description": "The `id` of a task."},
}
_DESCRIPTION: Final = """
Tasks and tags of many users, strictly apart. Send the JWT that Better Auth issues as `Authorization: Bearer <JWT>`; the
`user_id` in the path must be its `sub`.

Every answer carries `X-Request-ID`. Besides the answers listed with an operation there are, with the body `Error`: 404
for an unknown path, 405 with `Allow`, 413 for a body over 64 KiB, 415 for a body that is not `application/json`, and
503 with `Retry-After`. `HEAD` works wherever `GET` does.

A 503 says by its `code` what is the matter: `database_unavailable`, `busy`, `database_too_slow`, `read_only`,
`storage_full` and `stopping` mean that nothing was changed. `outcome_unknown` means that the database was lost in the
middle of a change, which may have been made or not: look before you repeat it. A create whose answer was lost is asked
for once more, and made once.
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
    _, doc["components"]["schemas"] = msgspec.json.schema_components(
        sorted([*structs, Error, ValidationError], key=lambda struct: struct.__name__), ref_template=_REF
    )
    for item in doc["paths"].values():
        for operation in item.values():
            handler = handlers[operation["operationId"]]
            parameters = [_path_parameter(parameter["name"]) for parameter in operation.get("parameters", ())]
            operation["parameters"] = parameters + list(_query_parameters(handler.opt.get("query")))
            for status, answer in operation["responses"].items():
                _complete(int(status), answer)
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


def _path_parameter(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, **_PATH_PARAMETERS[name]}


def _query_parameters(struct: type[msgspec.Struct] | None) -> Iterator[Document]:
    if struct is not None:
        (_,), components = msgspec.json.schema_components([struct], ref_template=_REF)
        for name, schema in components[struct.__name__]["properties"].items():
            description = schema.pop("description", "")
            yield {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _complete(status: int, answer: Document) -> None:
    headers = {"X-Request-ID": "Identifies the request in the log.", **_HEADERS.get(status, {})}
    answer["headers"] = {
        name: {"schema": {"type": "string"}, "description": text} for name, text in sorted(headers.items())
    }
    if status in _REFUSALS:
        body = _REFUSALS[status].body()
        schema = {"$ref": _REF.format(name=type(body).__name__)}
        answer["content"] = {"application/json": {"schema": schema, "example": msgspec.to_builtins(body)}}


class _Json(JsonRenderPlugin):
    def render(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:
        return _document_bytes(request.app)


class _Page(ScalarRenderPlugin):
    """Scalar, pinned. Only its own script runs; its styles are inline."""


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
        path="/docs",
        render_plugins=[_Page(js_url=_SCALAR, css_url="", path="/"), _Json()],
    )


def routes(*, enabled: bool) -> list[HTTPRouteHandler]:
    return [openapi_json] if enabled else []
