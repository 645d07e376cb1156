"""Undos that are repeated at once, and undos and restores beside the writes of another device."""

from collections import Counter
from typing import Any, Final

import anyio
import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.concurrency.test_revisions import _LOG, _together
from tests.features.changes.test_list import Device, held
from tests.features.trash.test_restore import trash
from tests.support.client import Json, Person, fresh_user
from tests.support.service import Service

UNDOS: Final = 50
TURNS: Final = 20


def counts(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def assert_log_fits(url: str, person: Person) -> None:
    """Each revision of the head has one entry."""
    (row,) = run(url, _LOG.format(person.user_id))
    assert (row["entries"], row["first"], row["last"]) == (row["head"], 1, row["head"])


@pytest.mark.parametrize("kind", ["create", "change", "remove", "rename"])
def test_fifty_undos_of_one_write_take_it_back_once(service: Service, database_url: str, kind: str) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        tasks = [ann.creates(title="One", tags=["a", f"own {place}"]) for place in range(3)]
        before = held(ann)
        path = f"tasks/{tasks[0]['id']}"
        writes: dict[str, tuple[str, str, Json | None]] = {
            "create": ("POST", "tasks", {"title": "New"}),
            "change": ("PATCH", path, {"title": "Two", "tags": []}),
            "remove": ("DELETE", path, None),
            "rename": ("PATCH", "tags/a", {"name": "z"}),
        }
        method, where, body = writes[kind]
        number = int(ann.request(method, where, json=body).headers["change-id"])
        calls = [("POST", "undo", {"change_id": number})] * UNDOS
        answers = anyio.run(_together, service, ann.user_id, *calls)
        assert counts(answers) == {200: 1, 409: UNDOS - 1}
        after = held(ann)
        assert after.keys() == before.keys()
        for task_id, task in after.items():
            assert task == before[task_id] | {"version": task["version"], "updated_at": task["updated_at"]}
        assert_log_fits(database_url, ann)
        (row,) = run(database_url, _LOG.format(ann.user_id))
        assert row["head"] == number + (3 if kind == "rename" else 1)


def test_fifty_restores_of_one_task_restore_it_once(service: Service, database_url: str) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        task = ann.creates(tags=["a"])
        ann.delete(f"tasks/{task['id']}")
        answers = anyio.run(_together, service, ann.user_id, *[("POST", f"trash/{task['id']}/restore", None)] * UNDOS)
        assert counts(answers) == {200: UNDOS}
        assert [answer.headers["change-id"] for answer in answers if "change-id" in answer.headers] == ["3"]
        assert {answer.json()["version"] for answer in answers} == {3}
        assert_log_fits(database_url, ann)


_OTHERS: Final[dict[str, tuple[str, str, Any]]] = {
    "another field": ("PATCH", "tasks/{}", {"priority": "High"}),
    "the same field": ("PATCH", "tasks/{}", {"title": "Theirs"}),
    "the same tag": ("PATCH", "tags/b", {"name": "Theirs"}),
    "a deletion": ("DELETE", "tasks/{}", None),
}


@pytest.mark.parametrize("other", _OTHERS)
def test_an_undo_beside_a_write_of_another_device(service: Service, database_url: str, other: str) -> None:
    """Either may be first. The result is that of the one after the other."""
    with Person(service.url, fresh_user("ann")) as ann:
        device = Device(ann)
        outcomes: Counter[tuple[int, int]] = Counter()
        for _ in range(TURNS):
            task = ann.creates(title="One", tags=["a"])
            path = f"tasks/{task['id']}"
            change = ann.patch(path, json={"title": "Mine", "tags": ["b"]})
            method, where, body = _OTHERS[other]
            undo = ("POST", "undo", {"change_id": int(change.headers["change-id"])})
            answers = anyio.run(_together, service, ann.user_id, undo, (method, where.format(task["id"]), body))
            undone, wrote = sorted(answers, key=lambda answer: not answer.url.path.endswith("/undo"))
            outcomes[undone.status_code, wrote.status_code] += 1
            device.sync()
            now = device.tasks.get(task["id"])
            undo_first = undone.status_code == 200 and not undone.json()["conflicts"]
            match other:
                case "another field":
                    assert now is not None
                    assert (now["title"], now["tags"], now["priority"]) == ("One", ["a"], "High")
                case "the same field":
                    assert now is not None
                    assert (now["title"], now["tags"]) == ("Theirs", ["a"])
                case "the same tag":
                    assert now is not None
                    assert (now["title"], now["tags"]) == ("One", ["a"] if undo_first else ["Theirs"])
                    assert wrote.status_code == (404 if undo_first else 200)
                case "a deletion":
                    assert now is None
                    assert trash(ann)[0]["task"]["title"] == ("One" if undo_first else "Mine")
            ann.delete(path)
        assert outcomes.total() == TURNS
        device.sync()
        assert device.tasks == held(ann)
        assert_log_fits(database_url, ann)


def test_an_undo_of_a_deletion_beside_a_restore(service: Service, database_url: str) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        for _ in range(TURNS):
            task = ann.creates(title="One", tags=["a"])
            removed = ann.delete(f"tasks/{task['id']}")
            undo = ("POST", "undo", {"change_id": int(removed.headers["change-id"])})
            restore = ("POST", f"trash/{task['id']}/restore", None)
            answers = anyio.run(_together, service, ann.user_id, undo, restore)
            assert [answer.status_code for answer in answers if "change-id" in answer.headers] == [200]
            assert counts(answers).keys() <= {200, 409}
            assert ann.sees(task["id"])["version"] == 3
        assert_log_fits(database_url, ann)
