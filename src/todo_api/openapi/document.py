"""The OpenAPI document and its page.

Litestar's document is corrected where it is wrong: it drops the constraints of list items, `additionalProperties:
false` and docstrings of Structs, and describes errors of another shape. msgspec's own schemas have all of these.
"""

from collections.abc import Callable, Iterable, Iterator
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
from todo_api.error_bodies import Error, ValidationError
from todo_api.errors import ApiError
from todo_api.http.conditional import PARAMETERS
from todo_api.openapi import texts as words
from todo_api.openapi.scalar import Login, ScalarPage, docs_router, to_docs

Document = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"


def error_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """The error responses of an operation, for its `responses`."""
    return {
        status: ResponseSpec(
            ValidationError if status == 400 else Error,
            description=words.ERROR_RESPONSES[status].detail,
            generate_examples=False,
        )
        for status in statuses
    }


def document(app: Litestar) -> Document:
    """The app's OpenAPI 3.1 document."""
    doc: Document = app.openapi_schema.to_schema()
    handlers = {handler.operation_id: handler for handler in _handlers(app)}
    structs = {struct for handler in handlers.values() for struct in _structs_of(handler)}
    structs |= {type(refusal.body()) for handler in handlers.values() for refusal in _extra_responses(handler)}
    _, doc["components"]["schemas"] = msgspec.json.schema_components(
        sorted([*structs, Error, ValidationError], key=lambda struct: struct.__name__), ref_template=_REF
    )
    described = (words.EVERYWHERE, words.LIMIT_HEADERS, *words.HEADERS.values())
    texts = {name: text for headers in described for name, text in headers.items()}
    doc["components"]["headers"] = {
        name: {"schema": {"type": "string"}, "description": text} for name, text in sorted(texts.items())
    }
    _describe_trimmed(doc["components"]["schemas"])
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
            statuses: tuple[int, ...] = words.OF_BODIES if "requestBody" in operation else ()
            statuses += (words.OF_QUERIES if handler.opt.get("query") else ()) + (words.OF_USERS if users else ())
            for status in statuses:
                operation["responses"].setdefault(str(status), {"description": words.ERROR_RESPONSES[status].detail})
            operation["responses"] |= {
                str(each.status): {"description": each.detail} for each in _extra_responses(handler)
            }
            if "If-None-Match" in conditions:
                operation["responses"]["304"] = {"description": "The client has it already."}
            extra_responses = words.ERROR_RESPONSES | {each.status: each for each in _extra_responses(handler)}
            for status, answer in operation["responses"].items():
                _complete(int(status), answer, extra_responses, conditions, words.LIMIT_HEADERS if users else {})
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


def _extra_responses(handler: HTTPRouteHandler) -> list[ApiError]:
    """The errors that only this operation has."""
    extra_responses: list[ApiError] = handler.opt.get("extra_responses", [])
    return extra_responses


def _header_parameter(name: str) -> Document:
    return {"name": name, "in": "header", "required": False, **PARAMETERS[name]}


def _describe_trimmed(schema: Any) -> None:
    """Replaces the lengths of trimmed texts by a pattern: JSON Schema has no length without surrounding white space."""
    if isinstance(schema, dict):
        if schema.pop("x-trimmed", False):
            between = schema.pop("maxLength") - schema.pop("minLength") - 1
            inside, end = r"[^\x00]", rf"[^\x00{words.SPACE}]"
            schema["pattern"] = f"^[{words.SPACE}]*{end}({inside}{{0,{between}}}{end})?[{words.SPACE}]*$"
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            _describe_trimmed(part)


def _path_parameter(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, **words.PATH_PARAMETERS[name]}


def _query_parameters(struct: type[msgspec.Struct] | None) -> Iterator[Document]:
    if struct is not None:
        (_,), components = msgspec.json.schema_components([struct], ref_template=_REF)
        for name, schema in components[struct.__name__]["properties"].items():
            description = schema.pop("description", "")
            yield {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _complete(
    status: int,
    answer: Document,
    extra_responses: dict[int, ApiError],
    conditions: Iterable[str],
    further: dict[str, str],
) -> None:
    names = {*words.EVERYWHERE, *further, *words.HEADERS.get(status, {})}
    headers: Document = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    for condition in conditions:
        for name, text in words.CONDITION_HEADERS[condition].get(status, {}).items():
            headers[name] = {"schema": {"type": "string"}, "description": text}
    answer["headers"] = dict(sorted(headers.items()))
    if status in extra_responses:
        body = extra_responses[status].body()
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


@get(
    "/openapi.json",
    include_in_schema=False,
    media_type=MediaType.JSON,
    sync_to_thread=False,
    opt={"any_query": True},
)
def openapi_json(request: Request[Any, Any, Any]) -> bytes:
    return _document_bytes(request.app)


def config(login: Callable[[], Login] | None = None) -> OpenAPIConfig:
    """`login` makes the user and the token that fill the page; None: it is empty."""
    return OpenAPIConfig(
        title="todo_api",
        version=__version__,
        summary=summary,
        description=words.DESCRIPTION.strip(),
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
        render_plugins=[ScalarPage(_document_bytes, login), _Json()],
    )


def routes(*, enabled: bool, production: bool) -> list[HTTPRouteHandler]:
    if not enabled:
        return []
    return [openapi_json] if production else [openapi_json, to_docs]
