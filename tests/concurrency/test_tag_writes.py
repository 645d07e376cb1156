"""Tags are renamed and taken away while the tasks change: nothing is lost."""

from collections import Counter
from typing import Any

import anyio
import httpx

from tests.architecture.test_migrations import run
from tests.concurrency.test_revisions import _LOG, _together
from tests.features.changes.test_list import Device, held
from tests.features.tags.test_rename import tags
from tests.support.client import Person, fresh_user
from tests.support.service import Service

TASKS = 8
TURNS = 8


def changes_of(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_renames_and_edits_at_once_lose_nothing(service: Service, database_url: str) -> None:
    """Eight renames of one tag, of which one finds it; edits of other fields; new tasks; edits of other tags."""
    with Person(service.url, fresh_user("ann")) as ann:
        tasks = [ann.creates(title="T", tags=["a", f"own {place}"]) for place in range(TASKS)]
        device = Device(ann)
        device.sync()
        calls: list[tuple[str, str, Any]] = []
        for turn in range(TURNS):
            calls.append(("PATCH", "tags/a", {"name": f"new {turn}"}))
            calls += [("PATCH", f"tasks/{task['id']}", {"title": f"{turn}"}) for task in tasks]
            calls += [("PATCH", f"tags/own {turn}", {"name": f"renamed {turn}"}), ("POST", "tasks", {"title": "New"})]
        answers = anyio.run(_together, service, ann.user_id, *calls)
        renames = [answer for answer in answers if answer.url.path.endswith("/tags/a")]
        assert changes_of(renames) == {200: 1, 404: TURNS - 1}
        assert changes_of([answer for answer in answers if answer not in renames]).keys() <= {200, 201}
        (name,) = [answer.json()["name"] for answer in renames if answer.status_code == 200]
        now = held(ann)
        for place, task in enumerate(tasks):
            after = now[task["id"]]
            assert after["tags"] == sorted([name, f"renamed {place}"])
            assert after["version"] > task["version"] + 2
        assert tags(ann) == {name: TASKS} | {f"renamed {place}": 1 for place in range(TASKS)}
        device.sync()
        assert device.tasks == now
        (row,) = run(database_url, _LOG.format(ann.user_id))
        assert (row["entries"], row["first"], row["last"]) == (row["head"], 1, row["head"])
        assert row["newest"] == row["head"]
        assert row["entries"] == TASKS + sum(after["version"] - 1 for after in now.values()) + TURNS


def test_merges_back_and_forth_and_edits_of_tags_end_in_a_state_that_fits(service: Service, database_url: str) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        tasks = [ann.creates(tags=["a"] if place % 2 else ["a", "b"]) for place in range(TASKS)]
        calls: list[tuple[str, str, Any]] = []
        for turn in range(TURNS):
            calls += [
                ("PATCH", "tags/a", {"name": "b"}),
                ("PATCH", "tags/b", {"name": "a"}),
                ("DELETE", "tags/c", None),
            ]
            calls += [("PATCH", f"tasks/{task['id']}", {"tags": ["a", "b", "c"][: turn % 4]}) for task in tasks]
        answers = anyio.run(_together, service, ann.user_id, *calls)
        assert changes_of(answers).keys() <= {200, 204, 404}
        now = held(ann)
        assert tags(ann) == dict(Counter(name for task in now.values() for name in task["tags"]))
        (row,) = run(database_url, _LOG.format(ann.user_id))
        assert (row["entries"], row["first"], row["last"]) == (row["head"], 1, row["head"])
        assert row["entries"] == sum(task["version"] for task in now.values())
