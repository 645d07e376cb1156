"""`total` of a list without filters or by status alone: from the head row, once the tasks have been counted."""

from collections.abc import Callable

import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.support.client import Person

STATUSES = ["all", "pending", "completed"]


def totals(person: Person, **query: str) -> list[int]:
    return [person.get("tasks", params={"status": status, **query}).json()["total"] for status in STATUSES]


def set_head(database_url: str, person: Person, values: str) -> None:
    run(database_url, f"update heads set {values} where user_id = '{person.user_id}'")


def test_the_numbers_are_read_not_counted(ann: Person, database_url: str) -> None:
    ann.creates()
    set_head(database_url, ann, "tasks = 1000, pending = 600")
    assert totals(ann) == [1000, 600, 400]
    assert totals(ann, limit="1", offset="7", sort_by="due_date") == [1000, 600, 400]
    assert (
        totals(ann, priority="Medium") == totals(ann, has_due_date="false") == totals(ann, search="milk") == [1, 1, 0]
    )


def test_they_are_counted_until_the_head_row_has_them(ann: Person, database_url: str) -> None:
    assert totals(ann) == [0, 0, 0]
    ann.creates()
    ann.creates(completed=True)
    set_head(database_url, ann, "tasks = 1000, pending = null")
    assert totals(ann) == [2, 1, 1]


def test_they_are_counted_for_a_client_with_an_etag_as_well(ann: Person, database_url: str) -> None:
    """As after a restored backup: the state is another one, and the head row does not have the numbers any more."""
    ann.creates()
    ann.creates(completed=True)
    set_head(database_url, ann, "made_at = now() - interval '1 day', tasks = 1000, pending = 600")
    known = {status: ann.get("tasks", params={"status": status}).headers["etag"] for status in STATUSES}
    for values, expected in (("epoch = 1", [1000, 600, 400]), ("epoch = 2, pending = null", [2, 1, 1])):
        set_head(database_url, ann, values)
        answers = [
            ann.get("tasks", params={"status": status}, headers={"If-None-Match": tag}) for status, tag in known.items()
        ]
        assert [answer.json()["total"] for answer in answers] == expected
        assert [len(answer.json()["data"]) for answer in answers] == [2, 1, 1]


@pytest.mark.parametrize("days", [0, 1])
def test_they_are_right_after_each_write(ann: Person, database_url: str, days: int) -> None:
    first, second = (f"tasks/{ann.creates()['id']}" for _ in range(2))
    set_head(database_url, ann, f"made_at = now() - interval '{days} days'")
    writes: list[tuple[Callable[[], httpx.Response], list[int]]] = [
        (lambda: ann.post("tasks", json={"title": "New"}), [3, 3, 0]),
        (lambda: ann.post("tasks", json={"title": "Done", "completed": True}), [4, 3, 1]),
        (lambda: ann.patch(f"{first}/complete"), [4, 2, 2]),
        (lambda: ann.patch(f"{first}/complete"), [4, 3, 1]),
        (lambda: ann.patch(f"{first}/complete", json={"completed": True}), [4, 2, 2]),
        (lambda: ann.put(first, json={"completed": False, "title": "Again"}), [4, 3, 1]),
        (lambda: ann.patch(second, json={"completed": True}), [4, 2, 2]),
        (lambda: ann.patch(second, json={"title": "Renamed"}), [4, 2, 2]),
        (lambda: ann.delete(second), [3, 2, 1]),
        (lambda: ann.delete(first), [2, 1, 1]),
    ]
    for write, expected in writes:
        assert write().is_success
        assert totals(ann) == expected
        (head,) = run(database_url, f"select tasks, pending from heads where user_id = '{ann.user_id}'")
        assert tuple(head) == ((expected[0], expected[1]) if days else (expected[0], None))
