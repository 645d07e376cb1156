"""`id` in TaskCreate: ids that clients make."""

from uuid import UUID

import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import Device, held
from tests.support.client import Person

VERSION_4 = "7b0f7c5e-51f5-4f4b-8d7a-3f1f1f0c9a12"
VERSION_7 = "01890a5d-ac96-774b-bcce-b302099a8057"
"""The example of RFC 9562, appendix A.6, with another random part."""


@pytest.mark.parametrize("task_id", [VERSION_4, VERSION_7, VERSION_7.upper()])
def test_the_task_has_the_id_of_the_client(ann: Person, task_id: str) -> None:
    answer = ann.post("tasks", json={"title": "Milk", "id": task_id})
    assert answer.status_code == 201, answer.text
    assert answer.json()["id"] == task_id.lower()
    assert answer.headers["location"] == f"/api/{ann.user_id}/tasks/{task_id.lower()}"
    assert ann.sees(task_id.lower()) == answer.json()


@pytest.mark.parametrize(
    "task_id",
    [
        "2f1f7c5e-51f5-11ef-8d7a-3f1f1f0c9a11",
        str(UUID(int=0)),
        "7b0f7c5e-51f5-4f4b-0d7a-3f1f1f0c9a11",
        "7b0f7c5e-51f5-4f4b-8d7a",
        "x",
        "",
        None,
        7,
        ["7b0f7c5e-51f5-4f4b-8d7a-3f1f1f0c9a11"],
    ],
)
def test_an_id_that_is_not_a_uuid_of_version_4_or_7_is_400(ann: Person, task_id: object) -> None:
    answer = ann.post("tasks", json={"title": "Milk", "id": task_id})
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert [error["loc"] for error in answer.json()["detail"]] == [["body", "id"]]


def test_an_id_that_is_taken_is_409_with_the_task(ann: Person) -> None:
    first = ann.creates(id=VERSION_7, title="Milk", tags=["a"])
    again = ann.post("tasks", json={"id": VERSION_7, "title": "Bread"}, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["code"]) == (409, "id_taken")
    assert again.json()["current"] == first
    assert "change-id" not in again.headers
    # The key of a refused request is free.
    assert ann.post("tasks", json={"title": "Bread"}, headers={"Idempotency-Key": "k"}).status_code == 201
    assert len(ann.get("changes").json()["changes"]) == 2


def test_the_id_of_a_deleted_task_stays_taken(ann: Person) -> None:
    ann.creates(id=VERSION_7)
    ann.delete(f"tasks/{VERSION_7}")
    again = ann.post("tasks", json={"id": VERSION_7, "title": "Bread"})
    assert (again.status_code, again.json()["code"], again.json()["current"]) == (409, "id_taken", None)


def test_the_id_is_free_when_the_log_has_forgotten_the_deletion(ann: Person, database_url: str) -> None:
    """Of the devices, the one that does not know the deletion begins again, and the other one gets the new task."""
    ann.creates(id=VERSION_7)
    old, current = Device(ann), Device(ann)
    old.sync()
    other = ann.creates()
    ann.delete(f"tasks/{VERSION_7}")
    current.sync()
    for days, status in ((29, 409), (31, 201)):
        run(
            database_url,
            f"update changes set at = now() - interval '{days} days' where user_id = '{ann.user_id}' and revision <= 3",
        )
        for number in range(32):
            ann.patch(f"tasks/{other['id']}", json={"title": f"{days} {number}"})
        again = ann.post("tasks", json={"id": VERSION_7, "title": "Bread"})
        assert again.status_code == status, again.text
    assert again.json()["version"] == 1
    assert ann.get("changes", params={"cursor": old.cursor or ""}).status_code == 410
    current.sync()
    assert current.tasks == held(ann)
    assert current.tasks[VERSION_7] == again.json()


def test_two_users_may_use_one_id(ann: Person, bob: Person) -> None:
    assert ann.creates(id=VERSION_7)["id"] == bob.creates(id=VERSION_7)["id"] == VERSION_7
    ann.delete(f"tasks/{VERSION_7}")
    assert bob.sees(VERSION_7)["user_id"] == bob.user_id


def test_a_key_replays_a_create_with_an_id(ann: Person) -> None:
    body, key = {"title": "Milk", "id": VERSION_7}, {"Idempotency-Key": "k"}
    first, again = (ann.post("tasks", json=body, headers=key) for _ in range(2))
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    other = ann.post("tasks", json={"title": "Milk"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
