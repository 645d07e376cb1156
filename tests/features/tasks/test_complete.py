"""PATCH /api/{user_id}/tasks/{task_id}/complete"""

from uuid import uuid4

import anyio
import httpx
import pytest

from tests.support.client import Person, errors_of, token_for

CLIENTS = 25
TOGGLES = 5
"""For each client, one after the other."""


@pytest.mark.parametrize("nothing", [b"", b"{}", b" { } "])
def test_without_a_value_it_toggles(ann: Person, nothing: bytes) -> None:
    task = ann.creates(tags=["a"])
    path = f"tasks/{task['id']}/complete"
    headers = {"Content-Type": "application/json"}
    done = ann.patch(path, content=nothing, headers=headers).json()
    assert done == {
        **task,
        "completed": True,
        "completed_at": done["updated_at"],
        "updated_at": done["updated_at"],
        "version": 2,
    }
    undone = ann.patch(path, content=nothing, headers=headers).json()
    assert undone == {**task, "updated_at": undone["updated_at"], "version": 3}
    assert task["updated_at"] < done["updated_at"] < undone["updated_at"]
    assert ann.sees(task["id"]) == undone


async def toggle_at_once(url: str, token: str) -> list[httpx.Response]:
    answers: list[httpx.Response] = []

    async def client() -> None:
        for _ in range(TOGGLES):
            answer = await http.patch(url)
            answers.append(answer)

    limits = httpx.Limits(max_connections=CLIENTS)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(headers=headers, limits=limits, timeout=60) as http,
        anyio.create_task_group() as clients,
    ):
        for _ in range(CLIENTS):
            clients.start_soon(client)
    return answers


def test_parallel_toggles_of_one_task_each_count_once(ann: Person) -> None:
    task = ann.creates(tags=["a"])
    url = f"{str(ann.base_url).rstrip('/')}/api/{ann.user_id}/tasks/{task['id']}/complete"
    answers = anyio.run(toggle_at_once, url, token_for(ann.user_id))
    assert [answer.status_code for answer in answers] == [200] * CLIENTS * TOGGLES
    by_version = {answer.json()["version"]: answer.json() for answer in answers}
    assert sorted(by_version) == list(range(2, len(answers) + 2)), "each version is answered exactly once"
    for version, answered in by_version.items():
        assert answered["completed"] is (version % 2 == 0), "each toggle starts from the one before it"
        assert (answered["completed_at"] is None) is not answered["completed"]
    last = ann.sees(task["id"])
    assert last == by_version[len(answers) + 1]
    assert last["version"] == 1 + len(answers)


@pytest.mark.parametrize("completed", [True, False])
def test_with_a_body_a_retry_is_safe(ann: Person, completed: bool) -> None:
    task = ann.creates()
    path = f"tasks/{task['id']}/complete"
    first = ann.patch(path, json={"completed": completed}).json()
    assert first["completed"] is completed
    assert ann.patch(path, json={"completed": completed}).json() == first


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"completed": 1}', ("body.completed", "bool_type")),
        (b'{"completed": null}', ("body.completed", "bool_type")),
        (b'{"completed": true, "at": 1}', ("body.at", "extra_forbidden")),
        (b"null", ("body", "object_type")),
        (b"[]", ("body", "object_type")),
        (b" ", ("body", "json_invalid")),
    ],
)
def test_a_bad_body_changes_nothing(ann: Person, body: bytes, error: tuple[str, str]) -> None:
    task = ann.creates()
    headers = {"Content-Type": "application/json"}
    assert errors_of(ann.patch(f"tasks/{task['id']}/complete", content=body, headers=headers)) == [error]
    assert ann.sees(task["id"]) == task


def test_a_stranger_gets_404_and_completes_nothing(ann: Person, bob: Person) -> None:
    task = ann.creates()
    strangers, unknown = bob.patch(f"tasks/{task['id']}/complete"), bob.patch(f"tasks/{uuid4()}/complete")
    assert (strangers.status_code, strangers.content) == (404, unknown.content)
    assert ann.sees(task["id"]) == task
