"""Acknowledged writes, and what follows from them: each version of a task is made by one write, from the one before."""

from collections import Counter
from dataclasses import dataclass, field

from tests.support.client import Json

FIELDS = ("title", "description", "completed", "priority", "due_date", "tags")


@dataclass
class Write:
    """An acknowledged write."""

    user: str
    task_id: str
    sent: Json | None
    """The body; None for a toggle."""
    task: Json | None
    """As it was answered; None after a deletion."""
    writer: str
    """The replica or the version that wrote it."""
    change_id: int | None

    def applied(self, before: Json) -> Json:
        """The model: the content of a task after this change."""
        if self.sent is None:
            return {**before, "completed": not before["completed"]}
        return {**before, **self.sent}


def content(task: Json) -> Json:
    return {name: task[name] for name in FIELDS}


@dataclass
class Ledger:
    writes: list[Write] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    seeded: dict[str, Json] = field(default_factory=dict)
    """By id: the seeded tasks of the users, as they were read before the first write."""

    def expect(self, holds: bool, otherwise: str) -> bool:
        if not holds:
            self.wrong[otherwise] += 1
        return holds

    def by_task(self) -> dict[str, list[Write]]:
        writes: dict[str, list[Write]] = {}
        for write in self.writes:
            writes.setdefault(write.task_id, []).append(write)
        return writes

    def tasks(self) -> dict[str, Json]:
        """The tasks that must exist, by id. Counts what is wrong in the chains of versions."""
        left = dict(self.seeded)
        for task_id, writes in self.by_task().items():
            last = self._chain(task_id, writes)
            if any(write.task is None for write in writes):
                left.pop(task_id, None)
            elif last is not None:
                left[task_id] = last
        return left

    def versions(self) -> dict[tuple[str, int], Json]:
        """The content of each version of each task that was read or written, by id and version."""
        tasks = [*self.seeded.values(), *(write.task for write in self.writes if write.task is not None)]
        return {(task["id"], task["version"]): content(task) for task in tasks}

    def _chain(self, task_id: str, writes: list[Write]) -> Json | None:
        """The newest version of the task."""
        self.expect(sum(write.task is None for write in writes) <= 1, "a task was deleted twice")
        by_version: dict[int, list[Write]] = {}
        for write in writes:
            if write.task is not None:
                by_version.setdefault(write.task["version"], []).append(write)
        last = self.seeded.get(task_id)
        if last is None and 1 not in by_version:
            self.wrong["a task that nobody created"] += 1
            return None
        for version in sorted(by_version):
            made = by_version[version]
            self.expect(len(made) == 1, "two writes made the same version")
            task = made[0].task
            if last is None:
                self.expect(version == 1, "a new task does not begin with version 1")
            else:
                self.expect(version == last["version"] + 1, "a version is missing: a write that nobody sent")
                expected = made[0].applied(content(last))
                self.expect(task is None or content(task) == expected, "an edit was lost or mixed with another")
            last = task
        return last
