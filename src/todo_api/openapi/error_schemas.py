"""The error responses of an operation, made from the error classes that it can answer with.

`code` is an enum for each operation and status, so that a typed client can narrow by it. A schema for one error has the
name of its class. A schema for several errors has the name of its operation and status, so that a new error does not
rename another schema.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any, Final

import msgspec

from todo_api.error_bodies import Error
from todo_api.errors import ApiError

Schemas = dict[str, dict[str, Any]]

REF: Final = "#/components/schemas/{name}"


def subclasses(error: type[ApiError]) -> Iterator[type[ApiError]]:
    """`error` and all its subclasses, without those that only group others: they have no `code`."""
    if hasattr(error, "code"):
        yield error
    for each in error.__subclasses__():
        yield from subclasses(each)


def by_status(errors: Iterable[ApiError]) -> dict[int, list[ApiError]]:
    """Status → its errors, one for each `code`, in the order of their codes."""
    groups: dict[int, dict[str, ApiError]] = defaultdict(dict)
    for error in errors:
        groups[error.status].setdefault(error.code, error)
    return {status: [group[code] for code in sorted(group)] for status, group in sorted(groups.items())}


def error_response(operation_id: str, errors: list[ApiError], schemas: Schemas) -> dict[str, Any]:
    """The response object for `errors`, which have one status. Adds the schemas that it refers to."""
    bodies: dict[type[msgspec.Struct], list[ApiError]] = defaultdict(list)
    for error in errors:
        bodies[type(error.body())].append(error)
    refs = [_ref(operation_id, struct, group, schemas) for struct, group in bodies.items()]
    content: dict[str, Any] = {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}
    examples = {error.code: {"value": msgspec.to_builtins(error.body())} for error in errors}
    if len(examples) == 1:
        content["example"] = examples[errors[0].code]["value"]
    else:
        content["examples"] = examples
    return {"description": _description(errors), "content": {"application/json": content}}


def _ref(operation_id: str, struct: type[msgspec.Struct], errors: list[ApiError], schemas: Schemas) -> dict[str, str]:
    if len(errors) > 1:
        name = f"{operation_id[0].upper()}{operation_id[1:]}{errors[0].status}"
    else:
        name = type(errors[0]).__name__ if struct is Error else struct.__name__
    schema = deepcopy(schemas[struct.__name__])
    schema["title"] = name
    if struct is Error:
        schema["description"] = _description(errors)
    schema["properties"]["code"] = {"type": "string", "enum": [error.code for error in errors]}
    schemas[name] = schema
    return {"$ref": REF.format(name=name)}


def _description(errors: list[ApiError]) -> str:
    if len(errors) == 1:
        return errors[0].detail
    return "\n".join(f"- `{error.code}`: {error.detail}" for error in errors)
