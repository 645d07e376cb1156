"""POST /api/{user_id}/tasks"""

import re
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from polyfactory.factories.msgspec_factory import MsgspecFactory

from tests.support.client import Person, errors_of
from todo_api.features.tasks.structs import Task, TaskCreate

EMOJI = "👩‍👩‍👧‍👦 é́́ İstanbul ß ‮אבג \U0010ffff �"


class TaskCreateFactory(MsgspecFactory[TaskCreate]):
    title = "Anything"


def test_a_title_is_enough(ann: Person) -> None:
    before = datetime.now(UTC)
    answer = ann.post("tasks", json={"title": "Buy milk"})
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    task = answer.json()
    assert answer.headers["location"] == f"/api/{ann.user_id}/tasks/{task['id']}"
    assert UUID(task["id"]).version == 4
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", task["created_at"])
    assert before.timestamp() - 5 < datetime.fromisoformat(task["created_at"]).timestamp() < before.timestamp() + 60
    assert task["updated_at"] == task["created_at"]
    assert {name: task[name] for name in task.keys() - {"id", "created_at", "updated_at"}} == {
        "user_id": ann.user_id,
        "title": "Buy milk",
        "description": None,
        "completed": False,
        "priority": "Medium",
        "due_date": None,
        "tags": [],
        "completed_at": None,
        "version": 1,
    }
    assert ann.get(answer.headers["location"]).json() == task


def test_every_field_can_be_set(ann: Person) -> None:
    fields = {"title": "T", "description": "D", "priority": "High", "due_date": "2026-02-28", "tags": ["b", "a"]}
    task = ann.creates(**fields)
    assert {name: task[name] for name in fields} == {**fields, "tags": ["a", "b"]}
    assert ann.sees(task["id"]) == task


def test_a_task_can_be_created_completed(ann: Person) -> None:
    task = ann.creates(completed=True)
    assert (task["completed"], task["completed_at"], task["version"]) == (True, task["created_at"], 1)
    assert ann.sees(task["id"]) == task
    assert ann.get("tasks?status=completed").json()["data"] == [task]
    task = ann.creates(completed=False)
    assert (task["completed"], task["completed_at"]) == (False, None)


def test_a_random_valid_body_is_kept(ann: Person) -> None:
    for task in TaskCreateFactory.batch(20):
        sent = msgspec.to_builtins(task)
        created = msgspec.convert(ann.creates(**sent), Task)
        assert created.description == task.description
        assert created.completed == task.completed
        assert created.priority == task.priority
        assert created.due_date == task.due_date


@pytest.mark.parametrize(
    "text", [EMOJI, "a\nb\tc", "'; drop table tasks; --", '"', "\\", "%_", "\u0001\u001b[31m", "\ufffd"]
)
def test_text_keeps_every_character(ann: Person, text: str) -> None:
    task = ann.creates(title=text, description=text, tags=[text[:50]])
    assert (task["title"], task["description"], task["tags"]) == (text.strip(), text, [text[:50].strip()])
    assert ann.sees(task["id"]) == task


def test_titles_and_tags_are_trimmed_before_they_are_measured(ann: Person) -> None:
    task = ann.creates(title=" \u00a0\n" + "x" * 200 + "\t ", tags=["  a  ", "a", " " + "y" * 50 + " "])
    assert task["title"] == "x" * 200
    assert task["tags"] == ["a", "y" * 50]


def test_tags_are_sorted_by_code_point_and_case_sensitive(ann: Person) -> None:
    assert ann.creates(tags=["b", "B", "a", "é", "Z", "z", "a"])["tags"] == ["B", "Z", "a", "b", "z", "é"]


def test_lengths_count_characters_not_bytes(ann: Person) -> None:
    task = ann.creates(title="😀" * 200, description="é" * 1000, tags=["ß" * 50])
    assert len(task["title"]) == 200
    assert ann.sees(task["id"]) == task


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("body.title", "missing")]),
        ({"title": None}, [("body.title", "string_type")]),
        ({"title": 3}, [("body.title", "string_type")]),
        ({"title": ""}, [("body.title", "string_too_short")]),
        ({"title": " \u2003\n"}, [("body.title", "string_too_short")]),
        ({"title": "x" * 201}, [("body.title", "string_too_long")]),
        ({"title": "a\x00b"}, [("body.title", "string_pattern_mismatch")]),
        ({"title": "a", "description": "\x00"}, [("body.description", "string_pattern_mismatch")]),
        ({"title": "a", "description": "x" * 1001}, [("body.description", "string_too_long")]),
        ({"title": "a", "priority": "high"}, [("body.priority", "literal_error")]),
        ({"title": "a", "priority": None}, [("body.priority", "string_type")]),
        ({"title": "a", "due_date": "2026-02-30"}, [("body.due_date", "date_parsing")]),
        ({"title": "a", "due_date": "2026-02-03T00:00:00Z"}, [("body.due_date", "date_parsing")]),
        ({"title": "a", "due_date": 1}, [("body.due_date", "date_type")]),
        ({"title": "a", "tags": None}, [("body.tags", "list_type")]),
        ({"title": "a", "tags": "b"}, [("body.tags", "list_type")]),
        ({"title": "a", "tags": ["b", "", 3]}, [("body.tags.1", "string_too_short"), ("body.tags.2", "string_type")]),
        ({"title": "a", "tags": ["x" * 51]}, [("body.tags.0", "string_too_long")]),
        ({"title": "a", "tags": [str(n) for n in range(21)]}, [("body.tags", "too_long")]),
        ({"title": "a", "completed": None}, [("body.completed", "bool_type")]),
        ({"title": "a", "completed": 1}, [("body.completed", "bool_type")]),
        ({"title": "a", "completed_at": None}, [("body.completed_at", "extra_forbidden")]),
        (
            {"title": "a", "id": "x", "user_id": "y"},
            [("body.id", "uuid_parsing"), ("body.user_id", "extra_forbidden")],
        ),
        (
            {"title": 3, "priority": "x", "due_date": "x", "tags": [1], "x": 1},
            [
                ("body.due_date", "date_parsing"),
                ("body.priority", "literal_error"),
                ("body.tags.0", "string_type"),
                ("body.title", "string_type"),
                ("body.x", "extra_forbidden"),
            ],
        ),
        ([], [("body", "object_type")]),
        ("title", [("body", "object_type")]),
        (None, [("body", "object_type")]),
    ],
)
def test_bad_fields_are_all_named(ann: Person, body: object, errors: list[tuple[str, str]]) -> None:
    assert errors_of(ann.post("tasks", content=msgspec.json.encode(body), headers=JSON)) == errors
    assert ann.get("tasks").json()["total"] == 0


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"title": " "}, "title: must not be blank"),
        ({}, "title: this field is required"),
        ({"title": "a", "tags": ["b", ""]}, "tags.1: must not be blank"),
        ({"title": 3, "priority": "x"}, "title: must be text (and 1 more error)"),
        ({"x": 1, "y": 2, "title": 3}, "x: there is no such field (and 2 more errors)"),
        ({"title": "a", **{f"x{n}": n for n in range(500)}}, "x0: there is no such field (and 499 more errors)"),
        ([], "Expected `object`, got `array`"),
    ],
)
def test_a_message_for_people_has_the_first_error_and_how_many_more(ann: Person, body: object, message: str) -> None:
    answer = ann.post("tasks", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, message)


def test_the_message_names_parameters_and_headers_too(ann: Person) -> None:
    assert ann.get("tasks?limit=101").json()["message"] == "limit: must be at most 100"
    answer = ann.get("tasks", headers={"If-None-Match": "1"})
    assert answer.json()["message"].startswith('If-None-Match: must be "*" or a list of ETags')
    answer = ann.get("tasks", headers={"Host": "a b"})
    assert answer.json()["message"] == "host: HTTP/1.1 needs exactly one valid Host"


def test_only_the_first_of_thousands_of_errors_are_listed(ann: Person) -> None:
    answer = ann.post("tasks", content=b'{"title": "a", "tags": [' + b",".join([b"1"] * 32_000) + b"]}", headers=JSON)
    assert errors_of(answer) == [("body.tags", "too_long")]
    unknown = ",".join(f'"x{number}": 1' for number in range(5000))
    answer = ann.post("tasks", content=f'{{"title": "a", {unknown}}}', headers=JSON)
    assert len(errors_of(answer)) == 100


@pytest.mark.parametrize("text", ["of length <= 9", "matching regex \\\\s", " - at `" * 9000])
def test_the_text_of_a_value_does_not_change_the_error(ann: Person, text: str) -> None:
    answer = ann.post("tasks", json={"title": "a", "priority": text})
    assert errors_of(answer) == [("body.priority", "literal_error")]
    assert answer.json()["detail"][0]["msg"] == "Must be one of `High`, `Medium`, `Low`"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"title": "a"',
        b'{"title": "\xff"}',
        b'{"title": "\xed\xa0\x80"}',
        b'{"title": "\\ud800"}',
        b'{"title": "a" "b"}',
        b'{"title": NaN}',
        b"\xef\xbb\xbf" + b'{"title": "a"}',
        '{"title": "a"}'.encode("utf-16"),
        b'{"title": "a", "tags": ' + b"[" * 20_000,
        b'{"title": "a", "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
)
def test_a_body_that_is_not_json_is_400(ann: Person, raw: bytes) -> None:
    answer = ann.post("tasks", content=raw, headers=JSON)
    assert answer.status_code == 400
    assert {tuple(error["loc"][:1]) for error in answer.json()["detail"]} == {("body",)}


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/json; charset=latin-1"],
)
def test_only_json_is_taken(ann: Person, content_type: str | None) -> None:
    answer = ann.post(
        "tasks", content=b'{"title": "a"}', headers={"Content-Type": content_type} if content_type else {}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_json_may_name_its_charset(ann: Person, content_type: str) -> None:
    assert ann.post("tasks", content=b'{"title": "a"}', headers={"Content-Type": content_type}).status_code == 201


def test_a_body_over_64_kib_is_413(ann: Person) -> None:
    answer = ann.post("tasks", json={"title": "a", "description": "x" * 65536})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_unknown_parameters_are_named(ann: Person) -> None:
    assert errors_of(ann.post("tasks?notify=1", json={"title": "a"})) == [("query.notify", "extra_forbidden")]
