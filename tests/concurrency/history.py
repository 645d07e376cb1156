"""Checks the answers of the service on an unreliable network: no edit lost, no task twice, no version twice."""

from collections.abc import Iterable
from typing import Any

import msgspec

from tests.support.client import Json
from tests.support.unreliable_network import Delivery

FIELDS = ("title", "description", "completed", "priority", "due_date", "tags")


def content(task: Json) -> Json:
    return {field: task[field] for field in FIELDS}


def applied(before: Json, change: Delivery) -> Json:
    """The model: a task's content after the change."""
    if change.path.endswith("/complete"):
        return {**before, "completed": not before["completed"]}
    sent: Json = msgspec.json.decode(change.body)
    return {**before, **sent}


class History:
    """The versions of each task, collected from the answers."""

    def __init__(self, deliveries: Iterable[Delivery]) -> None:
        self.created: dict[str, list[Delivery]] = {}
        self.changes: dict[tuple[str, int], list[Delivery]] = {}
        self.unknown: list[Delivery] = []
        self.deleted: set[str] = set()
        self.keys_of_deleted: set[str] = set()
        """Keys whose task was deleted before a retry."""
        self.seen: dict[tuple[str, int], Json] = {}
        for delivery in deliveries:
            self._add(delivery)
            if delivery.status == 410:
                self.keys_of_deleted.add(delivery.headers["idempotency-key"])

    def _add(self, delivery: Delivery) -> None:
        match delivery.method, delivery.status:
            case _, None:
                self.unknown.append(delivery)
            case "POST", 201:
                self.created.setdefault(delivery.headers["idempotency-key"], []).append(delivery)
            case "PATCH", 200:
                task = delivery.json
                self._see(task)
                if delivery.headers["if-match"] != f'"{task["version"]}"':
                    self.changes.setdefault((task["id"], task["version"]), []).append(delivery)
                else:
                    assert applied(content(task), delivery) == content(task), "a change was left out"
            case "DELETE", 204:
                self.deleted.add(delivery.path.rsplit("/", 1)[1])
            case _, 412:
                self._see(delivery.json["current"])
            case "GET", 200:
                for task in delivery.json["data"]:
                    self._see(task)
            case _, status:
                assert status in (304, 404, 410), delivery

    def _see(self, task: Json) -> None:
        key = task["id"], task["version"]
        assert self.seen.setdefault(key, task) == task, "two answers differ for one version"

    def check(self, left: list[Json]) -> None:
        """`left`: the tasks that the service lists after the last request."""
        tasks = self._check_keys()
        now = {task["id"]: task for task in left}
        gone = set(tasks) - set(now)
        assert set(now) <= set(tasks), "a task that nobody created"
        assert not self.deleted & set(now), "a deleted task is back"
        unanswered = self.keys_of_deleted - set(self.created)
        assert len(self.deleted - gone) <= len(unanswered), "a task that nobody created"
        possibly = {delivery.path.rsplit("/", 1)[1] for delivery in self.unknown if delivery.method == "DELETE"}
        assert gone <= self.deleted | possibly, "a task has vanished"
        for key in self.keys_of_deleted & set(self.created):
            assert self.created[key][0].json["id"] in gone, "a task is there, and its key says that it was deleted"
        for task_id, first in tasks.items():
            last = (
                now[task_id]["version"]
                if task_id in now
                else max(v for t, v in [*self.seen, (task_id, 1)] if t == task_id)
            )
            self._check_chain(first, last)
            if task_id in now:
                self._see(now[task_id])

    def _check_keys(self) -> dict[str, Json]:
        """Each Idempotency-Key created one task and has one answer."""
        tasks: dict[str, Json] = {}
        for key, answers in self.created.items():
            assert len({delivery.answer for delivery in answers}) == 1, f"two answers for the key {key}"
            firsts = [delivery for delivery in answers if "idempotency-replayed" not in delivery.answer_headers]
            lost = [each for each in self.unknown if each.headers.get("idempotency-key") == key]
            assert len(firsts) == 1 or (not firsts and lost), f"the key {key} created {len(firsts)} tasks"
            task = answers[0].json
            assert task["version"] == 1
            assert task["id"] not in tasks, "two keys, one task"
            tasks[task["id"]] = task
        return tasks

    def _check_chain(self, first: Json, last: int) -> None:
        """Each version is made from the one before it by exactly one request, whose If-Match names the one before."""
        task_id, state = first["id"], content(first)
        for version in range(2, last + 1):
            winners = self.changes.get((task_id, version), [])
            if not winners:
                winners = [each for each in self.unknown if self._may_be(each, task_id, version)]
                seen = self.seen.get((task_id, version))
                winners = [each for each in winners if seen is None or applied(state, each) == content(seen)][:1]
            assert len(winners) == 1, f"version {version} of {task_id} was made by {len(winners)} requests"
            assert winners[0].headers["if-match"] == f'"{version - 1}"'
            state = applied(state, winners[0])
            seen = self.seen.get((task_id, version), {**first, **state})
            assert content(seen) == state, "an edit is lost"
        assert (task_id, last + 1) not in self.changes, "an edit is lost"

    @staticmethod
    def _may_be(delivery: Delivery, task_id: str, version: int) -> bool:
        return f"/tasks/{task_id}" in delivery.path and delivery.headers.get("if-match") == f'"{version - 1}"'


Sent = tuple[str, str, dict[str, str], Any]
"""Method, path below `/api/{user_id}/`, headers and body of a request, kept to send it again unchanged."""
