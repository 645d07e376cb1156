"""GET /api/{user_id}/changes."""

import threading
import time

import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.support.client import Json, Person


class Device:
    """A client that keeps a copy of the tasks."""

    def __init__(self, person: Person, **parameters: int) -> None:
        self.person = person
        self.parameters = parameters
        self.cursor: str | None = None
        self.tasks: dict[str, Json] = {}
        self.pages: list[Json] = []

    def sync(self) -> None:
        while self.read_page()["has_more"]:
            pass

    def read_page(self) -> Json:
        parameters: dict[str, int | str] = {**self.parameters}
        if self.cursor is not None:
            parameters["cursor"] = self.cursor
        answer = self.answer(parameters)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        page: Json = answer.json()
        for change in page["changes"]:
            if change["kind"] == "task":
                self.tasks[change["task"]["id"]] = change["task"]
            else:
                self.tasks.pop(change["id"], None)
        self.cursor = page["cursor"]
        self.pages.append(page)
        return page

    def answer(self, parameters: dict[str, int | str]) -> httpx.Response:
        return self.person.get("changes", params=parameters)


def held(person: Person) -> dict[str, Json]:
    return {task["id"]: task for task in person.get("tasks", params={"limit": 100}).json()["data"]}


def kinds(page: Json) -> list[tuple[str, str]]:
    return [(change["kind"], change.get("id") or change["task"]["title"]) for change in page["changes"]]


def test_a_new_user_has_no_changes(ann: Person) -> None:
    page = Device(ann).read_page()
    assert (page["changes"], page["has_more"], page["change_id"]) == ([], False, 0)


def test_the_first_walk_has_every_task_in_the_order_of_its_last_change_and_no_deletions(ann: Person) -> None:
    tasks = [ann.creates(title=f"{number}", tags=["a"]) for number in range(7)]
    ann.delete(f"tasks/{tasks[2]['id']}")
    ann.patch(f"tasks/{tasks[0]['id']}", json={"title": "first, last"})
    device = Device(ann, limit=3)
    device.sync()
    assert [len(page["changes"]) for page in device.pages] == [3, 3]
    seen = [change["task"]["title"] for page in device.pages for change in page["changes"]]
    assert seen == ["1", "3", "4", "5", "6", "first, last"]
    assert [page["change_id"] for page in device.pages] == [5, 9]
    assert device.tasks == held(ann)


def test_a_cursor_brings_later_changes_and_deletions_each_task_once(ann: Person) -> None:
    kept, gone = ann.creates(title="kept"), ann.creates(title="gone")
    device = Device(ann)
    device.sync()
    assert device.read_page()["changes"] == []
    ann.patch(f"tasks/{kept['id']}", json={"title": "kept 2"})
    removed = ann.delete(f"tasks/{gone['id']}")
    last = ann.patch(f"tasks/{kept['id']}/complete")
    new = ann.creates(title="new", completed=True)
    page = device.read_page()
    assert kinds(page) == [("task_deleted", gone["id"]), ("task", "kept 2"), ("task", "new")]
    assert page["changes"][0] == {"kind": "task_deleted", "id": gone["id"], "version": 2}
    assert page["changes"][1]["task"] == last.json()
    assert page["change_id"] == int(last.headers["change-id"]) + 1 == int(removed.headers["change-id"]) + 2
    assert device.tasks == held(ann) == {kept["id"]: last.json(), new["id"]: new}


def test_pages_that_are_read_while_tasks_move_miss_nothing(ann: Person) -> None:
    tasks = [ann.creates(title=f"{number}") for number in range(10)]
    device = Device(ann, limit=3)
    device.read_page()
    ann.patch(f"tasks/{tasks[0]['id']}", json={"title": "moved behind the cursor"})
    ann.patch(f"tasks/{tasks[5]['id']}", json={"title": "moved ahead"})
    device.read_page()
    for place in (0, 4, 9):
        ann.delete(f"tasks/{tasks[place]['id']}")
    device.sync()
    assert device.tasks == held(ann)


def test_tasks_from_before_there_were_revisions_are_walked_in_pages(ann: Person, database_url: str) -> None:
    for number in range(10):
        ann.creates(title=f"{number}")
    for table in ("heads", "changes"):
        run(database_url, f"delete from {table} where user_id = '{ann.user_id}'")
    run(database_url, f"update tasks set revision = 0 where user_id = '{ann.user_id}'")
    device = Device(ann, limit=3)
    device.sync()
    assert device.tasks == held(ann)
    assert [len(page["changes"]) for page in device.pages] == [3, 3, 3, 1]
    new = ann.creates(title="new")
    assert [change["task"]["id"] for change in device.read_page()["changes"]] == [new["id"]]


def test_a_cursor_of_another_user_or_a_malformed_one_is_400(ann: Person, bob: Person) -> None:
    cursor = Device(bob).read_page()["cursor"]
    for bad in (cursor, "x", cursor[:-1], "a" * 4097, ""):
        answer = ann.get("changes", params={"cursor": bad})
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_error"), bad
        assert answer.json()["detail"][0]["loc"] == ["query", "cursor"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "wait=26", "wait=-1", "wait=1.5", "offset=1", "limit=5&limit=6"]
)
def test_other_parameters_are_400(ann: Person, query: str) -> None:
    assert ann.get(f"changes?{query}").status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        "floor = revision + 1",
        "epoch = 5",
        "revision = 1",
    ],
    ids=["deletions are forgotten", "a backup was restored", "revisions went back"],
)
def test_a_cursor_that_cannot_be_continued_is_410(ann: Person, database_url: str, change: str) -> None:
    device = Device(ann)
    for number in range(3):
        ann.creates(title=f"{number}")
    device.sync()
    run(database_url, f"update heads set {change} where user_id = '{ann.user_id}'")
    answer = ann.get("changes", params={"cursor": device.cursor or ""})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")
    assert answer.headers["cache-control"] == "no-store"
    again = Device(ann)
    again.sync()
    assert again.tasks == held(ann)


def test_old_entries_of_the_log_go_with_later_writes(ann: Person, database_url: str) -> None:
    gone = ann.creates(title="gone")
    ann.delete(f"tasks/{gone['id']}")
    early = Device(ann)
    early.sync()
    task = ann.creates(title="kept")
    later = Device(ann)
    later.sync()
    old = f"update changes set at = now() - interval '31 days' where user_id = '{ann.user_id}'"
    run(database_url, old)
    for number in range(32):
        ann.patch(f"tasks/{task['id']}", json={"title": f"{number}"})
    (row,) = run(
        database_url,
        "select floor, (select min(revision) from changes where user_id = h.user_id) as oldest "
        f"from heads h where user_id = '{ann.user_id}'",
    )
    assert (row["floor"], row["oldest"]) == (2, 4)
    for device in (early, later):
        device.sync()
        assert device.tasks == held(ann)


def test_a_request_waits_until_something_changes(ann: Person) -> None:
    device = Device(ann)
    device.sync()
    device.parameters["wait"] = 20
    timer = threading.Timer(0.5, lambda: ann.creates(title="new"))
    timer.start()
    began = time.monotonic()
    page = device.read_page()
    timer.join()
    assert kinds(page) == [("task", "new")]
    assert 0.4 < time.monotonic() - began < 10


def test_a_wait_ends_without_a_change(ann: Person) -> None:
    device = Device(ann, wait=1)
    began = time.monotonic()
    assert device.read_page()["changes"] == []
    assert 0.9 < time.monotonic() - began < 10


def test_the_wait_of_a_user_who_has_something_to_read_does_not_begin(ann: Person) -> None:
    ann.creates()
    began = time.monotonic()
    assert len(Device(ann, wait=20).read_page()["changes"]) == 1
    assert time.monotonic() - began < 10
