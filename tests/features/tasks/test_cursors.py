"""GET /api/{user_id}/tasks?cursor="""

import random
import threading
import time
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.support.client import Json, Person, errors_of, fresh_user
from tests.support.service import Service
from todo_api.http.cursor import Position, encode

SORTS = ["created_at", "updated_at", "title", "due_date", "priority"]
REFUSED = [("query.cursor", "cursor_invalid")]
_BOUND = 1000


def walk(person: Person, **query: Any) -> list[Json]:
    """The tasks of all pages, from the first to the last."""
    seen: list[Json] = []
    cursor: dict[str, str] = {}
    for _ in range(_BOUND):
        answer = person.get("tasks", params=query | cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seen += page["data"]
        if page["next_cursor"] is None:
            return seen
        assert len(page["data"]) == query["limit"]
        cursor = {"cursor": page["next_cursor"]}
    raise AssertionError("the walk has no end")


@pytest.fixture
def cursor(ann: Person) -> str:
    for _ in range(3):
        ann.creates(tags=["a"], due_date="2026-01-01")
    made: str = ann.get("tasks?limit=1&status=pending").json()["next_cursor"]
    return made


def test_the_last_page_has_none(ann: Person) -> None:
    for _ in range(4):
        ann.creates()
    for path in ("tasks?limit=4", "tasks?limit=5", "tasks?limit=2&offset=2", "tasks?limit=1&offset=9"):
        assert ann.get(path).json()["next_cursor"] is None


def test_another_user_cannot_use_it(ann: Person, bob: Person, cursor: str) -> None:
    bob.creates()
    assert errors_of(bob.get(f"tasks?status=pending&cursor={cursor}")) == REFUSED
    assert ann.get(f"tasks?status=pending&cursor={cursor}").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "status=completed",
        "status=pending&search=milk",
        "status=pending&tags=a",
        "status=pending&tags_match=all",
        "status=pending&priority=High",
        "status=pending&due_from=2026-01-01",
        "status=pending&due_to=2026-01-01",
        "status=pending&has_due_date=true",
        "status=pending&has_due_date=false",
        "status=pending&completed_from=2026-01-01",
        "status=pending&completed_to=2026-01-01",
        "status=pending&sort_direction=asc",
        *(f"status=pending&sort_by={sort}" for sort in SORTS[1:]),
    ],
)
def test_another_query_cannot_use_it(ann: Person, cursor: str, query: str) -> None:
    assert errors_of(ann.get(f"tasks?{query}&cursor={cursor}")) == REFUSED


def test_limit_total_and_spelling_may_change(ann: Person, cursor: str) -> None:
    for more in ("limit=2", "limit=1&with_total=true", "sort_by=created_at&offset=0", "search=%20"):
        assert len(ann.get(f"tasks?status=pending&cursor={cursor}&{more}").json()["data"]) >= 1


def test_a_cursor_of_the_first_release_is_valid(ann: Person) -> None:
    older, newer = ann.creates(), ann.creates()
    identity = msgspec.msgpack.encode([ann.user_id, [[], "all", "all", [], "any"], [None, None], "created_at", "desc"])
    cursor = encode(Position(datetime.fromisoformat(newer["created_at"]), UUID(newer["id"])), identity)
    assert ann.get(f"tasks?cursor={cursor}").json()["data"] == [older]


def test_each_change_of_a_character_is_noticed(ann: Person, cursor: str) -> None:
    for at in range(len(cursor)):
        for other in "A", "B":
            damaged = cursor[:at] + other + cursor[at + 1 :]
            if damaged != cursor:
                assert errors_of(ann.get("tasks", params={"status": "pending", "cursor": damaged})) == REFUSED
    for damaged in (cursor[:-1], cursor + "=", cursor + "A", " " + cursor, cursor + "%", "é" * 20, "=" * 8, "A" * 5):
        assert errors_of(ann.get("tasks", params={"status": "pending", "cursor": damaged})) == REFUSED


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("limit", range(1, 7))
def test_a_cursor_behind_a_task_without_due_date_skips_and_repeats_no_task(
    ann: Person, direction: str, limit: int
) -> None:
    """Tasks without due date come last in both directions, so a page may end before, at and after each of them."""
    for due in (None, "2026-01-02", None, "2026-01-01", None):
        ann.creates(due_date=due)
    query = {"sort_by": "due_date", "sort_direction": direction}
    expected = ann.get("tasks", params=query).json()["data"]
    dates = ["2026-01-01", "2026-01-02"]
    assert [task["due_date"] for task in expected] == [
        *(dates if direction == "asc" else dates[::-1]),
        None,
        None,
        None,
    ]
    assert walk(ann, **query, limit=limit) == expected


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("last", [None, "2026-01-01"], ids=["without-due-date", "with-due-date"])
def test_the_task_behind_a_cursor_gains_or_loses_its_due_date(ann: Person, direction: str, last: str | None) -> None:
    """The cursor holds the place, not the task: the tasks behind that place stay where they are."""
    if last:
        ann.creates(due_date=last)
    for _ in range(4 - bool(last)):
        ann.creates()
    query = {"sort_by": "due_date", "sort_direction": direction}
    first, *rest = ann.get("tasks", params=query).json()["data"]
    cursor = ann.get("tasks", params={**query, "limit": 1}).json()["next_cursor"]
    ann.patch(f"tasks/{first['id']}", json={"due_date": None if last else "2026-01-01"})
    seen = ann.get("tasks", params={**query, "cursor": cursor}).json()["data"]
    assert [task for task in seen if task["id"] != first["id"]] == rest


class ConcurrentWriter:
    """Another client of the same user. It does not touch the tasks whose description is `stays`."""

    def __init__(self, person: Person, seed: int) -> None:
        self.person = person
        self.chance = random.Random(seed)
        self.stopped = threading.Event()
        self.failed: list[str] = []
        self.done = 0
        self.thread = threading.Thread(target=self.run)

    def task(self) -> Json:
        due = self.chance.choice([None, "2026-01-01", "2026-01-02"])
        title = self.chance.choice(["a", "m", "M", "z"])
        return {"title": title, "due_date": due, "priority": self.chance.choice(["High", "Medium", "Low"])}

    def run(self) -> None:
        ids: list[str] = []
        while not self.stopped.is_set() and self.done < _BOUND:
            self.done += 1
            match self.chance.randrange(3) if len(ids) > 10 else 0:
                case 0:
                    answer = self.person.post("tasks", json=self.task())
                    ids.append(answer.json()["id"])
                case 1:
                    answer = self.person.patch(f"tasks/{self.chance.choice(ids)}", json=self.task())
                case _:
                    answer = self.person.delete(f"tasks/{ids.pop(self.chance.randrange(len(ids)))}")
            if not answer.is_success:
                self.failed.append(answer.text)
            time.sleep(0.002)


def test_walks_among_writers_miss_and_repeat_nothing_that_stays(ann: Person, service: Service) -> None:
    setup = ConcurrentWriter(ann, 0)
    stay = {ann.creates(**setup.task(), description="stays")["id"] for _ in range(40)}
    people = [Person(service.url, ann.user_id) for _ in range(2)]
    writers = [ConcurrentWriter(person, seed) for seed, person in enumerate(people, start=1)]
    for writer in writers:
        writer.thread.start()
    try:
        walks = {
            order: walk(ann, sort_by=order[0], sort_direction=order[1], limit=3)
            for order in product(SORTS, ("asc", "desc"))
        }
    finally:
        for writer, person in zip(writers, people, strict=True):
            writer.stopped.set()
            writer.thread.join()
            person.close()
    for order, seen in walks.items():
        assert sorted(task["id"] for task in seen if task["description"] == "stays") == sorted(stay), order
        unmoved = [task["id"] for task in seen if task["version"] == 1]
        assert len(unmoved) == len(set(unmoved)), order
    assert not any(writer.failed for writer in writers)
    assert sum(writer.done for writer in writers) > 50


def test_a_walk_survives_the_loss_of_the_task_that_it_stood_on(service: Service) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        for sort in SORTS:
            tasks = [ann.creates(title=f"t{number}") for number in range(4)]
            first = ann.get("tasks", params={"sort_by": sort, "limit": 2}).json()
            expected = ann.get("tasks", params={"sort_by": sort}).json()["data"][2:]
            ann.delete(f"tasks/{first['data'][-1]['id']}")
            query = {"sort_by": sort, "cursor": first["next_cursor"]}
            assert ann.get("tasks", params=query).json()["data"] == expected
            for task in tasks:
                ann.delete(f"tasks/{task['id']}")
