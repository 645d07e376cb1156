"""If-Match on PUT, PATCH, complete and DELETE."""

from typing import Any
from uuid import uuid4

import anyio
import asyncpg
import httpx
import pytest

from tests.support.client import Json, Person, errors_of, fresh_user, token_for
from tests.support.service import Service
from todo_api.db.url import connect_arguments
from todo_api.features.tasks.fields import FIELDS
from todo_api.features.tasks.structs import TaskUpdate

WRITES: dict[str, tuple[str, str, Json | None]] = {
    "PATCH": ("PATCH", "", {"title": "New"}),
    "PUT": ("PUT", "", {"tags": ["x"]}),
    "nothing": ("PATCH", "", {}),
    "the same": ("PATCH", "", {"title": "Buy milk"}),
    "toggle": ("PATCH", "/complete", None),
    "complete": ("PATCH", "/complete", {"completed": True}),
    "DELETE": ("DELETE", "", None),
}


@pytest.fixture(params=WRITES)
def write(request: pytest.FixtureRequest) -> tuple[str, str, Json | None]:
    return WRITES[request.param]


def send(person: Person, write: tuple[str, str, Json | None], task_id: str, if_match: str) -> httpx.Response:
    method, path, body = write
    return person.request(method, f"tasks/{task_id}{path}", json=body, headers={"If-Match": if_match})


def change(person: Person, task: Json, if_match: str | None = None, **changes: Any) -> httpx.Response:
    return person.patch(f"tasks/{task['id']}", json=changes, headers={"If-Match": if_match} if if_match else {})


@pytest.mark.parametrize("if_match", ['"1"', "*", '"7" ,, "1"', 'W/"2", "1", ""', '"a,b","1"'])
def test_the_version_named_is_changed(ann: Person, write: tuple[str, str, Json | None], if_match: str) -> None:
    task = ann.creates()
    answer = send(ann, write, task["id"], if_match)
    if write[0] == "DELETE":
        assert answer.status_code == 204
        assert "etag" not in answer.headers
        assert ann.get(f"tasks/{task['id']}").status_code == 404
    else:
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
        assert answer.json() == ann.sees(task["id"])


@pytest.mark.parametrize(
    "if_match", ['"1"', '"3"', 'W/"2"', '"02"', '"7", "3"', '"two"', '""', '"99999999999999999999"']
)
def test_another_version_is_left_alone(ann: Person, write: tuple[str, str, Json | None], if_match: str) -> None:
    task = ann.creates(tags=["a"])
    current = change(ann, task, tags=["b"]).json()
    answer = send(ann, write, task["id"], if_match)
    assert answer.status_code == 412
    assert answer.headers["etag"] == '"2"'
    assert answer.json() == {
        "detail": "The task has another version by now than If-Match names.",
        "code": "stale_version",
        "current": current,
        "changed": ["tags"] if if_match == '"1"' else list(FIELDS),
    }
    assert ann.sees(task["id"]) == current


def test_all_that_changed_since_is_named_and_nothing_else(ann: Person) -> None:
    task = ann.creates(description="D", tags=["a"])
    edits: list[Json] = [
        {"title": "New"},
        {"priority": "Low", "title": "New"},
        {"due_date": "2027-01-01"},
        {"tags": []},
    ]
    for changes in edits:
        assert change(ann, task, **changes).status_code == 200
    assert ann.patch(f"tasks/{task['id']}/complete").json()["version"] == 6
    assert change(ann, task, title="Buy milk").json()["version"] == 7

    def changed(if_match: str) -> Any:
        answer = change(ann, task, if_match, description="mine")
        assert answer.status_code == 412
        return answer.json()["changed"]

    # "title" was changed back to what it was in version 1.
    assert changed('"1"') == ["title", "completed", "priority", "due_date", "tags"]
    assert changed('"2"') == ["title", "completed", "priority", "due_date", "tags"]
    assert changed('"3"') == ["title", "completed", "due_date", "tags"]
    assert changed('"4"') == ["title", "completed", "tags"]
    assert changed('"5"') == ["title", "completed"]
    assert changed('"6"') == ["title"]
    assert changed('"2", "6", "5"') == ["title"]
    assert changed('"2", "100"') == ["title", "completed", "priority", "due_date", "tags"]


def test_every_field_that_a_client_can_change_is_tracked() -> None:
    assert set(FIELDS) == set(TaskUpdate.__struct_fields__)


async def _forget(url: str, user_id: str) -> None:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        await connection.execute("update tasks set field_versions = null, version = 5 where user_id = $1", user_id)
    finally:
        await connection.close()


def test_without_a_record_of_changes_all_fields_are_named(ann: Person, database_url: str) -> None:
    """Tasks that are older than the record of changes have none."""
    task = ann.creates()
    anyio.run(_forget, database_url, ann.user_id)
    assert change(ann, task, '"4"', title="New").json()["changed"] == list(FIELDS)
    assert change(ann, task, '"5"', title="New").status_code == 200
    assert change(ann, task, '"5"', title="Newer").json()["changed"] == ["title"]
    assert change(ann, task, '"4"', title="Newer").json()["changed"] == list(FIELDS)


@pytest.mark.parametrize("if_match", ['"1"', '"2"', "*"])
def test_a_strangers_task_is_404_like_an_unknown_one(
    ann: Person, bob: Person, write: tuple[str, str, Json | None], if_match: str
) -> None:
    task = ann.creates()
    strangers, unknown = send(bob, write, task["id"], if_match), send(bob, write, str(uuid4()), if_match)
    assert (strangers.status_code, strangers.content) == (404, unknown.content)
    assert strangers.json()["code"] == "task_not_found"
    assert ann.sees(task["id"]) == task


@pytest.mark.parametrize("if_match", ["", "1", "3", '"1', '1"', '"1" "2"', '*, "1"', '"1";', 'w/"1"', '"2 "', "**"])
def test_a_malformed_header_is_named(ann: Person, write: tuple[str, str, Json | None], if_match: str) -> None:
    task = ann.creates()
    assert errors_of(send(ann, write, task["id"], if_match)) == [("header.If-Match", "etag_parsing")]
    assert ann.sees(task["id"]) == task


@pytest.mark.parametrize("filler", [", ", ' "1"', "\t,", '"', 'W/"1",'])
def test_a_long_malformed_header_costs_nothing(ann: Person, filler: str) -> None:
    task = ann.creates()
    header = '"1"' + filler * (6000 // len(filler)) + "x"
    assert errors_of(change(ann, task, header, title="New")) == [("header.If-Match", "etag_parsing")]


def test_several_lines_are_one_list(ann: Person) -> None:
    task = ann.creates()
    lines = [("If-Match", '"9"'), ("If-Match", '"1"')]
    assert ann.patch(f"tasks/{task['id']}", json={"title": "New"}, headers=lines).status_code == 200
    assert ann.patch(f"tasks/{task['id']}", json={"title": "Newer"}, headers=lines).status_code == 412


def test_without_the_header_the_last_writer_wins(ann: Person) -> None:
    task = ann.creates()
    for version, title in enumerate(["one", "two"], start=2):
        answer = change(ann, task, title=title)
        assert (answer.json()["title"], answer.headers["etag"]) == (title, f'"{version}"')


async def _race(url: str, user: str, task_id: str, write: tuple[str, str, Json | None], rounds: int) -> list[int]:
    """Statuses of many requests that name the same version at the same moment."""
    method, path, body = write
    headers = {"Authorization": f"Bearer {token_for(user)}", "If-Match": '"1"'}
    statuses: list[int] = []

    async def one() -> None:
        answer = await http.request(method, f"{url}/api/{user}/tasks/{task_id}{path}", json=body, headers=headers)
        statuses.append(answer.status_code)
        if answer.status_code == 412:
            assert answer.json()["current"]["version"] == 2
            assert answer.json()["changed"]

    async with httpx.AsyncClient(timeout=30) as http, anyio.create_task_group() as clients:
        for _ in range(rounds):
            clients.start_soon(one)
    return sorted(statuses)


@pytest.mark.parametrize("kind", ["PATCH", "PUT", "toggle", "complete", "DELETE"])
def test_of_many_at_once_one_succeeds(service: Service, kind: str) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        task = ann.creates()
        statuses = anyio.run(_race, service.url, ann.user_id, task["id"], WRITES[kind], 15)
        assert statuses == ([204] + [404] * 14 if kind == "DELETE" else [200] + [412] * 14)
