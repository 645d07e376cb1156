"""A model of the tasks of one user with all their writes, to compare the service with."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.support.client import Json

FIELDS = ("title", "description", "completed", "priority", "due_date", "tags")
DEFAULTS: Json = {"description": None, "completed": False, "priority": "Medium", "due_date": None, "tags": []}

Tasks = dict[str, Json]
"""Fields by the name of the task. A task that is in the trash has the field `deleted`."""


@dataclass
class Write:
    """For each task that it changed: field → values before and after; or how the whole task changed."""

    changed: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)
    whole: dict[str, tuple[str, Json]] = field(default_factory=dict)
    """`appear` or `vanish`, and the fields of the task then."""


class Model:
    def __init__(self) -> None:
        self.tasks: Tasks = {}
        self.purged: set[str] = set()
        self.writes: dict[int, Write] = {}
        """By Change-Id."""

    def live(self) -> Tasks:
        return {name: task for name, task in self.tasks.items() if not task["deleted"]}

    def create(self, name: str, body: Json) -> Write:
        self.tasks[name] = DEFAULTS | body | {"deleted": False}
        return self._whole(name, "appear")

    def change(self, name: str, body: Json) -> Write:
        """An empty write if nothing differs."""
        task = self.tasks[name]
        pairs = {key: (task[key], value) for key, value in body.items() if task[key] != value}
        task |= body
        return Write({name: pairs} if pairs else {})

    def remove(self, name: str) -> Write:
        self.tasks[name]["deleted"] = True
        return self._whole(name, "vanish")

    def restore(self, name: str) -> Write:
        self.tasks[name]["deleted"] = False
        return self._whole(name, "appear")

    def purge(self, name: str) -> Write:
        del self.tasks[name]
        self.purged.add(name)
        return Write()

    def replace_tag(self, former: str, successor: str | None) -> Write:
        write = Write()
        for name, task in self.live().items():
            if former in task["tags"]:
                tags = sorted({*task["tags"], *([successor] if successor else [])} - {former})
                write.changed |= self.change(name, {"tags": tags}).changed
        return write

    def undo(self, write: Write) -> tuple[Write, dict[str, list[str]]]:
        """The write that takes `write` back, and the fields that could not go back, by task."""
        back = Write()
        conflicts: dict[str, list[str]] = {}
        for name, pairs in write.changed.items():
            task = self.live().get(name)
            if task is None:
                conflicts[name] = []
                continue
            lost = [key for key in FIELDS if key in pairs and task[key] != pairs[key][1]]
            if lost:
                conflicts[name] = lost
            back.changed |= self.change(name, {key: old for key, (old, _) in pairs.items() if key not in lost}).changed
        for name, (how, then) in write.whole.items():
            task = self.tasks.get(name)
            is_there = task is not None and not task["deleted"]
            if task is None or is_there is (how == "vanish"):
                conflicts[name] = []
            elif how == "vanish":
                back.whole |= self.restore(name).whole
            elif lost := [key for key in FIELDS if task[key] != then[key]]:
                conflicts[name] = lost
            else:
                back.whole |= self.remove(name).whole
        return back, conflicts

    def _whole(self, name: str, how: str) -> Write:
        return Write(whole={name: (how, deepcopy(self.tasks[name]))})
