"""The OpenAPI document says all that typed clients need, and tools for JavaScript can read it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.architecture.test_contract import CONTRACT
from tests.support.client import Person
from todo_api.errors import (
    ApiError,
    InternalError,
    MethodNotAllowed,
    MetricsTokenNeeded,
    NotFound,
    OriginNotAllowed,
)
from todo_api.http.conditional import state_tag
from todo_api.openapi.document import Document
from todo_api.openapi.error_schemas import subclasses
from todo_api.openapi.texts import ETAG_OF_LIST

DOCUMENT: Document = json.loads(CONTRACT.read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
IN_THE_DESCRIPTION = {error.code for error in (NotFound, MethodNotAllowed, InternalError)}
OF_OTHER_PATHS = {error.code for error in (OriginNotAllowed, MetricsTokenNeeded)}


def operations() -> Iterator[tuple[str, Document]]:
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            yield path, operation


def responses() -> Iterator[tuple[str, int, Document]]:
    """Operation id, status and JSON content of each response that has a body."""
    for _, operation in operations():
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                yield operation["operationId"], int(status), content


def resolved(schema: Document) -> Document:
    target: Document = SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return target


def alternatives(schema: Document) -> list[Document]:
    """The schemas of a response: several if its errors have different bodies."""
    return [resolved(each) for each in schema.get("anyOf", [schema])]


def parts(value: Any) -> Iterator[Document]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from parts(part)


def codes(operation_id: str) -> dict[int, list[str]]:
    """Status → the enum of `code` in the error responses of an operation."""
    return {
        status: sorted(
            code for schema in alternatives(content["schema"]) for code in schema["properties"]["code"]["enum"]
        )
        for name, status, content in responses()
        if name == operation_id and status >= 400
    }


def test_each_error_has_a_required_code_with_an_enum() -> None:
    for operation_id, status, content in responses():
        if status >= 400:
            for schema in alternatives(content["schema"]):
                assert "code" in schema["required"], (operation_id, status)
                assert schema["properties"]["code"]["type"] == "string"
                assert schema["properties"]["code"]["enum"], (operation_id, status)


def test_the_codes_are_those_of_the_operation() -> None:
    unavailable = ["busy", "database_too_slow", "database_unavailable", "keys_unavailable", "read_only", "storage_full"]
    assert set(unavailable) <= set(codes("getTask")[503])
    assert "outcome_unknown" not in codes("getTask")[503]
    assert "outcome_unknown" in codes("updateTask")[503]
    assert "stopping" in codes("getReadiness")[503]
    assert "keys_unavailable" not in codes("getReadiness")[503]
    assert codes("createTask")[409] == ["conflict", "id_taken", "idempotency_key_reused", "limit_reached"]
    assert codes("updateTask")[409] == ["conflict"]
    assert codes("updateTask")[412] == ["stale_version"]
    assert codes("getTask")[404] == ["task_not_found"]
    assert 409 not in codes("listTasks")


def test_every_error_is_in_an_operation_or_in_the_description() -> None:
    """A new error that is missing here: an operation names it, or all operations of a kind do in `openapi/texts.py`."""
    groups = [group for _, operation in operations() for group in codes(operation["operationId"]).values()]
    listed = {code for group in groups for code in group}
    assert {error.code for error in subclasses(ApiError)} == listed | IN_THE_DESCRIPTION | OF_OTHER_PATHS


def test_fields_that_are_always_there_are_required() -> None:
    for operation_id, status, content in responses():
        for schema in map(resolved, parts(content["schema"])):
            if "properties" in schema:
                assert set(schema["required"]) == set(schema["properties"]), (operation_id, status)
                assert not any("default" in field for field in schema["properties"].values())


def test_path_parameters_are_in_the_order_of_the_path() -> None:
    for path, operation in operations():
        names = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
        assert names == re.findall(r"\{(\w+)\}", path)


def test_parameters_have_names_that_generators_can_tell_apart() -> None:
    for _, operation in operations():
        names = [re.sub(r"\W", "", parameter["name"]).casefold() for parameter in operation["parameters"]]
        assert len(set(names)) == len(names)


def test_tags_in_brackets_are_accepted_though_they_are_not_in_the_document(ann: Person) -> None:
    ann.creates(title="One", tags=["a"])
    ann.creates(title="Two", tags=["b"])
    page = ann.get("tasks", params={"tags[]": "a"}).json()
    assert [task["title"] for task in page["data"]] == ["One"]


def test_operations_and_tags_are_described_and_summaries_are_unique() -> None:
    summaries = [operation["summary"] for _, operation in operations()]
    assert len(set(summaries)) == len(summaries)
    for _, operation in operations():
        assert operation["description"].endswith("."), operation["operationId"]
        assert {tag["name"] for tag in DOCUMENT["tags"]} >= set(operation["tags"])
    assert all(tag["description"] for tag in DOCUMENT["tags"])


@pytest.mark.parametrize("body", ["TaskCreate", "TaskUpdate"])
def test_the_lengths_of_trimmed_texts_are_in_the_descriptions(body: str) -> None:
    fields = SCHEMAS[body]["properties"]
    assert fields["title"]["description"].startswith("1 to 200 characters.")
    assert fields["tags"]["items"]["description"].startswith("1 to 50 characters.")


def test_patterns_are_short_and_need_no_unicode_escapes() -> None:
    """A generator may write the pattern's characters into a regex literal, where U+2028 ends the line."""
    patterns = {part["pattern"] for part in parts(DOCUMENT) if isinstance(part.get("pattern"), str)}
    assert len(patterns) > 4
    for pattern in patterns:
        assert pattern.isascii()
        assert r"\u" not in pattern
        assert len(pattern) < 110


def test_enums_have_a_type() -> None:
    for part in parts(DOCUMENT):
        if isinstance(part.get("enum"), list):
            assert part["type"] == "string", part


def test_internal_marks_are_not_in_the_document() -> None:
    assert not [name for part in parts(DOCUMENT) for name in part if name.startswith("x-")]


def test_examples_are_as_the_schemas_say() -> None:
    for operation_id, status, content in responses():
        examples = [content["example"]] if "example" in content else []
        examples += [example["value"] for example in content.get("examples", {}).values()]
        assert examples or status < 400, (operation_id, status)
        schema = content["schema"] | {"components": DOCUMENT["components"]}
        for example in examples:
            Draft202012Validator(schema).validate(example)
    for part in parts(DOCUMENT):
        if "type" in part and isinstance(part.get("examples"), list):
            for example in part["examples"]:
                Draft202012Validator(part).validate(example)


def test_the_example_of_a_400_is_possible_for_its_operation() -> None:
    for path, operation in operations():
        if not path.startswith("/api/"):
            continue
        ((where, name),) = (
            error["loc"] for error in operation["responses"]["400"]["content"]["application/json"]["example"]["detail"]
        )
        if where == "body":
            body = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
            assert name in body["required"]
        else:
            assert (where, name) == ("query", "page"), "no operation has this parameter"
            assert "page" not in {parameter["name"] for parameter in operation["parameters"]}


def test_the_example_of_a_lists_etag_is_not_a_version() -> None:
    scope: Any = {"path": "/api/ann/tasks", "query_string": b"", "headers": []}
    assert re.sub(r"[0-9a-f]", "0", ETAG_OF_LIST) == re.sub(r"[0-9a-f]", "0", state_tag(scope, "41-0-1"))
    for path, operation in operations():
        for parameter in operation["parameters"]:
            if parameter["name"] in ("If-Match", "If-None-Match"):
                assert parameter["schema"]["examples"][0] == ('"3"' if "{task_id}" in path else ETAG_OF_LIST)
