"""Old entries of the log and of the trash go with the writes of their user."""

import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import Device, held
from tests.features.trash.test_restore import age, deleted, restore, trash
from tests.support.client import Json, Person, errors_of
from todo_api.db.functions import SCHEMA


def sweep(url: str, person: Person, history_days: int, trash_days: int) -> None:
    """As a write does at each 32nd revision."""
    days = f"array[{history_days}, {trash_days}]"
    run(url, f"select {SCHEMA}.sweep_changes('{person.user_id}', current_timestamp, {days})")


def entries(url: str, person: Person) -> list[tuple[int, str, bool]]:
    """Revision, kind and whether it has content."""
    sql = "select revision, op, before is not null from changes where user_id = '{}' order by revision"
    return [tuple(row) for row in run(url, sql.format(person.user_id))]


def head(url: str, person: Person) -> tuple[int, int]:
    (row,) = run(url, f"select floor, swept from heads where user_id = '{person.user_id}'")
    return row["floor"], row["swept"]


def test_the_trash_is_kept_longer_than_the_log(ann: Person, database_url: str) -> None:
    old = deleted(ann, title="old", tags=["a"])
    age(database_url, ann, 20)
    ann.creates(title="young")
    sweep(database_url, ann, 10, 30)
    assert entries(database_url, ann) == [(2, "remove", True), (3, "create", False)]
    assert head(database_url, ann) == (0, 2)
    assert [entry["task"]["id"] for entry in trash(ann)] == [old["id"]]
    restored = restore(ann, old["id"]).json()
    assert restored["tags"] == ["a"]
    assert entries(database_url, ann) == [(3, "create", False), (4, "restore", False)]


def test_a_task_whose_time_in_the_trash_is_over_goes_and_raises_the_floor(ann: Person, database_url: str) -> None:
    deleted(ann)
    age(database_url, ann, 20)
    device = Device(ann)
    device.sync()
    early = Device(ann)
    early.cursor = device.cursor
    sweep(database_url, ann, 10, 30)
    age(database_url, ann, 20)
    ann.creates()
    sweep(database_url, ann, 10, 30)
    assert entries(database_url, ann) == [(3, "create", False)]
    assert head(database_url, ann) == (2, 2)
    device.sync()
    assert device.tasks == held(ann), "its cursor is after the deletion"


def test_the_content_goes_before_the_entry_if_the_log_is_kept_longer(ann: Person, database_url: str) -> None:
    task = ann.creates()
    device = Device(ann)
    device.sync()
    ann.patch(f"tasks/{task['id']}", json={"title": "New"})
    ann.delete(f"tasks/{task['id']}")
    age(database_url, ann, 20)
    sweep(database_url, ann, 30, 10)
    assert entries(database_url, ann) == [(3, "remove", False)]
    assert head(database_url, ann) == (0, 0)
    device.sync()
    assert device.tasks == {}


def test_tasks_in_the_trash_do_not_stand_in_the_way_of_the_sweep(ann: Person, database_url: str) -> None:
    for _ in range(70):
        deleted(ann)
    task = ann.creates()
    age(database_url, ann, 20)
    for _ in range(4):
        sweep(database_url, ann, 10, 30)
    left = entries(database_url, ann)
    assert [kind for _, kind, _ in left] == ["remove"] * 70
    assert head(database_url, ann) == (0, 141)
    assert ann.sees(task["id"]) == task
    age(database_url, ann, 20)
    for _ in range(2):
        sweep(database_url, ann, 10, 30)
    assert entries(database_url, ann) == []
    assert head(database_url, ann)[0] == 140


def test_the_sweep_is_a_part_of_writes(ann: Person, database_url: str) -> None:
    for _ in range(20):
        deleted(ann)
    age(database_url, ann, 31)
    task = ann.creates()
    for number in range(63):
        ann.patch(f"tasks/{task['id']}", json={"title": f"{number}"})
    assert {revision for revision, _, _ in entries(database_url, ann)} == set(range(41, 105))


@pytest.mark.parametrize("purged", [False, True])
def test_a_cursor_from_before_the_floor_has_expired(ann: Person, database_url: str, purged: bool) -> None:
    task: Json = ann.creates()
    device = Device(ann)
    device.sync()
    ann.delete(f"tasks/{task['id']}")
    if purged:
        ann.delete(f"trash/{task['id']}")
    age(database_url, ann, 31)
    sweep(database_url, ann, 30, 30)
    answer = ann.get("changes", params={"cursor": device.cursor or ""})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")
    assert errors_of(ann.get("changes?cursor=x")) == [("query.cursor", "cursor_invalid")]


def test_a_purge_of_a_task_that_the_sweep_has_passed_raises_the_floor(ann: Person, database_url: str) -> None:
    task = deleted(ann)
    age(database_url, ann, 20)
    sweep(database_url, ann, 10, 30)
    assert ann.delete(f"trash/{task['id']}").status_code == 204
    assert entries(database_url, ann) == [(3, "purge", False)]
    assert head(database_url, ann) == (2, 2)
