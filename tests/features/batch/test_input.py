"""POST …/batch: bodies that are refused."""

from uuid import uuid4

import pytest

from tests.features.batch.test_batch import batch, create, delete, update
from tests.support.client import Person, errors_of


def test_every_bad_field_is_named(ann: Person) -> None:
    task = ann.creates()
    answer = batch(
        ann,
        create(title=" ", tags=["a", ""], nonsense=1),
        {"op": "create"},
        {"op": "move", "id": task["id"]},
        {"id": task["id"]},
        7,
        update("x", {"priority": "high"}, if_version=0, on_stale="x"),
        create(id=str(uuid4())[:14] + "1" + str(uuid4())[15:]),
        delete(task["id"], task={}),
        update(task["id"].upper(), {"title": None}),
        create(id=task["id"].replace("-", "")),
    )
    assert errors_of(answer) == sorted(
        [
            ("body.operations.0.task.title", "string_too_short"),
            ("body.operations.0.task.tags.1", "string_too_short"),
            ("body.operations.0.task.nonsense", "extra_forbidden"),
            ("body.operations.1.task", "missing"),
            ("body.operations.2.op", "literal_error"),
            ("body.operations.3.op", "missing"),
            ("body.operations.4", "object_type"),
            ("body.operations.5.id", "uuid_parsing"),
            ("body.operations.5.task.priority", "literal_error"),
            ("body.operations.5.if_version", "greater_than_equal"),
            ("body.operations.5.on_stale", "literal_error"),
            ("body.operations.6.task.id", "uuid_version"),
            ("body.operations.7.task", "extra_forbidden"),
            ("body.operations.8.id", "repeated_id"),
            ("body.operations.8.task.title", "string_type"),
            ("body.operations.9.task.id", "repeated_id"),
        ]
    )
    assert answer.json()["detail"][1]["loc"][:3] == ["body", "operations", 0]
    assert ann.get("tasks").json()["data"] == [task]


@pytest.mark.parametrize(
    ("operations", "error"),
    [
        ([], ("body.operations", "too_short")),
        ([create()] * 101, ("body.operations", "too_long")),
        ({}, ("body.operations", "list_type")),
        (None, ("body.operations", "list_type")),
    ],
)
def test_a_batch_has_1_to_100_operations(ann: Person, operations: object, error: tuple[str, str]) -> None:
    assert errors_of(ann.post("batch", json={"operations": operations})) == [error]


def test_white_space_around_a_long_text_does_not_count(ann: Person) -> None:
    assert batch(ann, create(title=f"  {'x' * 200}  ")).status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('{"operations":[{"op":"create","task":{"title":"a","title":"b"}}]}', "body.operations.0.task.title"),
        ('{"operations":[{"op":"create","task":{"title":"a"},"task":{"title":"a"}}]}', "body.operations.0.task"),
        ('{"operations":[{"op":"create","op":"create","task":{"title":"a"}}]}', "body.operations.0.op"),
        ('{"operations":[],"operations":[{"op":"create","task":{"title":"a"}}]}', "body.operations"),
    ],
)
def test_a_repeated_name_is_found_at_any_depth(ann: Person, body: str, path: str) -> None:
    answer = ann.post("batch", content=body, headers={"Content-Type": "application/json"})
    assert errors_of(answer) == [(path, "repeated")]


def test_a_body_may_have_1_mib(ann: Person) -> None:
    body = b'{"operations":[{"op":"create","task":{"title":"a"}}]}'
    headers = {"Content-Type": "application/json"}
    assert ann.post("batch", content=body.rjust(1024 * 1024), headers=headers).status_code == 200
    answer = ann.post("batch", content=body.rjust(1024 * 1024 + 1), headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (413, "The body is larger than 1024 KiB.")
