"""The OpenAPI document and its page.

Litestar's document is corrected where it is wrong: it drops the constraints of list items, `additionalProperties:
false` and docstrings of Structs, and describes errors of another shape. msgspec's own schemas have all of these.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, get_args

import msgspec
from litestar import Litestar, MediaType, Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, Contact, License, Tag
from litestar.routes import HTTPRoute

from todo_api import __doc__ as summary
from todo_api import __version__
from todo_api.error_bodies import Error, FieldError, ValidationError
from todo_api.errors import ApiError, InvalidInput
from todo_api.http.conditional import PARAMETERS
from todo_api.openapi import texts as words
from todo_api.openapi.error_schemas import REF, by_status, error_response, subclasses
from todo_api.openapi.scalar import Login, ScalarPage, docs_router, to_docs

Document = dict[str, Any]

_PATH_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_READS: Final = ("get", "head")


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
    structs: set[type] = {struct for handler in handlers.values() for struct in _structs_of(handler)}
    structs |= {type(error.body()) for handler in handlers.values() for error in _extra_responses(handler)}
    named = sorted([*structs, Error, ValidationError], key=lambda struct: struct.__name__)
    _, schemas = msgspec.json.schema_components(named, ref_template=REF)
    bodies = [struct for handler in handlers.values() for struct in _body_structs(handler)]
    _, requests = msgspec.json.schema_components(bodies, ref_template=REF)
    for name, schema in schemas.items():
        _correct(schema)
        if name not in requests:
            _require_all(schema)
    described = (words.EVERYWHERE, words.LIMIT_HEADERS, words.CHANGE_HEADERS, *words.HEADERS.values())
    texts = {name: text for headers in described for name, text in headers.items()}
    doc["components"]["headers"] = {
        name: {"schema": {"type": "string"}, "description": text} for name, text in sorted(texts.items())
    }
    for path, item in doc["paths"].items():
        for method, operation in item.items():
            handler = handlers[operation["operationId"]]
            parameters = [_path_parameter(name) for name in _PATH_PARAMETER.findall(path)]
            parameters += _query_parameters(handler.opt.get("query"))
            conditions = handler.opt.get("headers", ())
            operation["parameters"] = parameters + [_header_parameter(name, path) for name in conditions]
            if handler.parsed_data_field is not None and handler.parsed_data_field.is_optional:
                (struct,) = _structs(handler.parsed_data_field.annotation)
                schema = {"$ref": REF.format(name=struct.__name__)}
                operation["requestBody"] = {"content": {"application/json": {"schema": schema}}, "required": False}
            if "If-None-Match" in conditions:
                operation["responses"]["304"] = {"description": "The client has it already."}
            operation["responses"].get("200", {}).update(handler.opt.get("response", {}))
            users = "{user_id}" in path
            for status, errors in by_status(_errors(handler, operation, reads=method in _READS, users=users)).items():
                operation["responses"][str(status)] = error_response(operation["operationId"], errors, schemas)
            operation["responses"] = dict(sorted(operation["responses"].items()))
            operation["responses"].get("204", {}).pop("content", None)
            for status, answer in operation["responses"].items():
                changed = users and method not in _READS and int(status) < 300
                further = (words.LIMIT_HEADERS if users else {}) | (words.CHANGE_HEADERS if changed else {})
                _add_headers(int(status), answer, conditions, further)
    del schemas[Error.__name__]
    doc["components"]["schemas"] = dict(sorted(schemas.items()))
    return doc


def _errors(handler: HTTPRouteHandler, operation: Document, *, reads: bool, users: bool) -> Iterator[ApiError]:
    """Every error that the operation can answer with, except those that the document's description names."""
    yield from _extra_responses(handler)
    for status in handler.responses or {}:
        yield _invalid_input(handler) if status == InvalidInput.status else words.ERROR_RESPONSES[status]
    groups: tuple[type[ApiError], ...] = handler.opt.get("errors", ())
    groups += words.OF_BODIES if "requestBody" in operation else ()
    groups += words.OF_QUERIES if handler.opt.get("query") or handler.opt.get("any_query") else ()
    groups += words.OF_USERS if users else ()
    groups += () if reads else words.OF_CHANGES
    for error in (each for group in groups for each in subclasses(group)):
        if not reads or error not in words.OF_CHANGES:
            yield error()


def _invalid_input(handler: HTTPRouteHandler) -> InvalidInput:
    """An error that this operation has: a body without a required field, otherwise an unknown query parameter."""
    for struct in _body_structs(handler):
        for field in msgspec.structs.fields(struct):
            if field.required:
                return InvalidInput([FieldError(["body", field.encode_name], "This field is required", "missing")])
    return InvalidInput([FieldError(["query", "page"], "There is no such parameter", "extra_forbidden")])


def _handlers(app: Litestar) -> Iterator[HTTPRouteHandler]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from (handler for handler in route.route_handlers if handler.operation_id)


def _structs_of(handler: HTTPRouteHandler) -> Iterator[type[msgspec.Struct]]:
    yield from _structs(handler.parsed_return_field.annotation)
    yield from handler.opt.get("structs", ())
    yield from _body_structs(handler)


def _body_structs(handler: HTTPRouteHandler) -> Iterator[type[msgspec.Struct]]:
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


def _header_parameter(name: str, path: str) -> Document:
    parameter = PARAMETERS[name]
    examples = words.ETAG_OF_TASK if "{task_id}" in path else words.ETAG_OF_LIST
    schema = parameter["schema"] | ({"examples": [examples, "*"]} if name in words.ETAG_PARAMETERS else {})
    return {"name": name, "in": "header", "required": False, **parameter, "schema": schema}


def _correct(schema: Any) -> None:
    """Corrects msgspec's schemas, in place.

    The lengths of trimmed texts become a pattern, since JSON Schema has no length without surrounding white space. The
    description gets the numbers, for people and for tools without patterns. Enums get their type.
    """
    if isinstance(schema, dict):
        if schema.pop("x-trimmed", False):
            least, most = schema.pop("minLength"), schema.pop("maxLength")
            schema["description"] = f"{least} to {most} characters. {schema.get('description', '')}".strip()
            inside, end = r"[^\x00]", rf"[^\x00{words.SPACE}]"
            schema["pattern"] = f"^[{words.SPACE}]*{end}({inside}{{0,{most - 2}}}{end})?[{words.SPACE}]*$"
        if all(isinstance(value, str) for value in schema.get("enum", [None])):
            schema["type"] = "string"
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            _correct(part)


def _require_all(schema: Document) -> None:
    """Makes the fields with a default required: msgspec writes these in every response."""
    for name, field in schema["properties"].items():
        if "default" in field:
            del field["default"]
            schema["required"].append(name)
    schema["required"] = [name for name in schema["properties"] if name in schema["required"]]


def _path_parameter(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, **words.PATH_PARAMETERS[name]}


def _query_parameters(struct: type[msgspec.Struct] | None) -> Iterator[Document]:
    if struct is not None:
        (_,), components = msgspec.json.schema_components([struct], ref_template=REF)
        for name, schema in components[struct.__name__]["properties"].items():
            if not schema.pop("x-undocumented", False):
                _correct(schema)
                description = schema.pop("description", "")
                yield {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _add_headers(status: int, answer: Document, conditions: Iterable[str], further: dict[str, str]) -> None:
    names = {*words.EVERYWHERE, *further, *words.HEADERS.get(status, {})}
    headers: Document = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    for condition in conditions:
        for name, text in words.CONDITION_HEADERS.get(condition, {}).get(status, {}).items():
            headers[name] = {"schema": {"type": "string"}, "description": text}
    answer["headers"] = dict(sorted(headers.items()))


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
        contact=Contact(name="The operator of this service"),
        components=Components(security_schemes={"bearer": words.BEARER}),
        security=[{"bearer": []}],
        tags=[Tag(name, description) for name, description in words.TAGS.items()],
        openapi_router=docs_router(),
        render_plugins=[ScalarPage(_document_bytes, login), _Json()],
    )


def routes(*, enabled: bool, production: bool) -> list[HTTPRouteHandler]:
    if not enabled:
        return []
    return [openapi_json] if production else [openapi_json, to_docs]
