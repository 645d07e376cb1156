"""All answers about one user's tasks, to compare them with the log of changes and with each device."""

from collections import Counter
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from tests.concurrency.sync.asgi import Answer
from tests.support.client import Json

LOG: Final = "select revision, task_id::text, op, version, batch from changes where user_id = $1"
_OPS: Final = {"POST": "create", "PATCH": "change", "DELETE": "remove"}
Versions = dict[str, int]
"""By id of a task."""


class Entry(NamedTuple):
    """An entry of the log."""

    task_id: str
    op: str
    version: int
    batch: int | None = None
    """The first revision of the write, if it changed several tasks: a tag was renamed or removed."""


class Write(NamedTuple):
    """A request that writes. A device keeps it in its outbox and sends it unchanged until it is answered."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def is_known_by_id(self) -> bool:
        """A create without a key, so that only the id of the client's shows that it is repeated."""
        return self.method == "POST" and not self.headers

    @property
    def task_id(self) -> str:
        """Empty for a create."""
        return self.path.split("/")[1] if "/" in self.path else ""


def _content(task: Json) -> Json:
    return {name: task[name] for name in ("title", "description", "completed", "priority", "due_date", "tags")}


@dataclass
class Ledger:
    seen: dict[tuple[str, int], Json] = field(default_factory=dict)
    """Each version of each task. Two answers must not differ."""
    acknowledged: dict[int, Entry] = field(default_factory=dict)
    """By Change-Id."""
    batches: set[int] = field(default_factory=set)
    """The Change-Ids of acknowledged writes of tags: the last revision of each."""
    log: dict[int, Entry] = field(default_factory=dict)
    """By revision, as the database had it."""
    copies: list[tuple[int, Versions]] = field(default_factory=list)
    """A device's copy after a complete sync, with the `change_id` of the last page."""
    first: Versions = field(default_factory=dict)
    """The tasks from before there were revisions."""
    start: int = 0
    """The head's revision before the first write."""
    skipped: set[int] = field(default_factory=set)
    """Revisions that no write has."""
    made: dict[int, set[str]] = field(default_factory=dict)
    """The ids that each create was answered with."""
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Deliveries whose outcome the service did not know, by op and task. Without an id of the client's: empty."""

    def fork(self) -> Self:
        """The ledger of a backup that is made now."""
        return deepcopy(self)

    @property
    def newest(self) -> int:
        return max([*self.acknowledged, *self.batches], default=self.start)

    def see(self, task: Json) -> None:
        known = self.seen.setdefault((task["id"], task["version"]), task)
        assert known == task, f"one version, two contents: {known} {task}"

    def answered(self, write: Write, answer: Answer) -> None:
        """Adds an answer, whether or not it reached the device."""
        match write.method, answer.status:
            case "POST", 201:
                task = answer.json
                self.made.setdefault(write.number, set()).add(task["id"])
                assert task["version"] == 1, task
                self._wrote(answer, Entry(task["id"], "create", 1))
                self._check_sent(write, task)
            case "PATCH", 200:
                task = answer.json
                self._check_sent(write, task)
                if answer.change_id is not None:
                    self._wrote(answer, Entry(task["id"], "change", task["version"]))
                    before = self.seen.get((task["id"], task["version"] - 1))
                    assert before is None or _content(task) == _content(before) | write.body, "an edit is lost"
            case "DELETE", 204:
                # The version of a deletion is only in the log.
                self._wrote(answer, Entry(write.task_id, "remove", 0))
                return
            case _, 412:
                task = answer.json["current"]
            case "POST", 409:
                assert answer.json["code"] == "id_taken", answer
                task = answer.json["current"]
            case _, 503:
                self._refused(write, answer.json["code"])
                return
            case _, status:
                assert (write.method, status) in {("POST", 410), ("PATCH", 404), ("DELETE", 404)}, (write, answer)
                return
        if task is not None:
            self.see(task)

    def retagged(self, answer: Answer) -> None:
        """Adds an answer to a write of a tag."""
        if answer.change_id is not None:
            assert answer.change_id not in {*self.batches, *self.acknowledged}, "two writes have one Change-Id"
            self.batches.add(answer.change_id)
        elif answer.status == 503:
            self.unknown["retag", ""] += answer.json["code"] == "outcome_unknown"
        else:
            assert answer.status in (200, 404), answer

    def _refused(self, write: Write, code: str) -> None:
        if code == "outcome_unknown":
            named = write.task_id or write.body.get("id", "")
            self.unknown[_OPS[write.method], named] += 1

    @staticmethod
    def _check_sent(write: Write, task: Json) -> None:
        assert all(task[name] == value for name, value in write.body.items()), "an edit is lost"

    def _wrote(self, answer: Answer, entry: Entry) -> None:
        assert answer.change_id is not None, answer
        assert self.acknowledged.setdefault(answer.change_id, entry) == entry, "two writes have one Change-Id"

    def check(self, left: Mapping[str, Json], creates: Iterable[int]) -> None:
        """`left`: the tasks of the service after the last write. `creates`: the numbers of all creates."""
        for task in left.values():
            self.see(task)
        revisions = {*self.log, *self.skipped}
        assert revisions == set(range(self.start + 1, self.start + 1 + len(revisions))), "revisions are missing"
        for change_id, entry in self.acknowledged.items():
            logged = self.log.get(change_id)
            assert logged is not None, f"an acknowledged write is lost: {entry}"
            assert logged[:2] == entry[:2], f"the log has {logged}, the answer was {entry}"
            assert entry.op == "remove" or logged[:3] == entry[:3], f"the log has {logged}, the answer was {entry}"
        self._check_unknown()
        assert self._check_copies() == {task["id"]: task["version"] for task in left.values()}
        self._check_creates(creates)

    def _check_unknown(self) -> None:
        """Each entry of the log is an acknowledged write, or one whose outcome was unknown."""
        left = self.unknown.copy()
        ends = {entry.batch: revision for revision, entry in sorted(self.log.items()) if entry.batch is not None}
        assert self.batches <= {*ends.values()}, "an acknowledged write of a tag is lost"
        assert len(ends) - len(self.batches) <= left["retag", ""], "a tag was written that nobody sent"
        for revision in self.log.keys() - self.acknowledged.keys():
            task_id, op, _, batch = self.log[revision]
            if batch is not None:
                continue
            named = (op, task_id) if left[op, task_id] or op != "create" else (op, "")
            left[named] -= 1
            assert left[named] >= 0, f"a write was made that nobody sent: {self.log[revision]}"

    def _check_copies(self) -> Versions:
        """Replays the log. Each copy of a device is a state that the log went through, the one that its page names."""
        state = dict(self.first)
        copies = sorted(self.copies, key=lambda copy: copy[0])
        for revision in range(self.start, self.start + len(self.log) + len(self.skipped) + 1):
            if revision in self.log:
                self._apply(state, self.log[revision])
            while copies and copies[0][0] <= revision:
                change_id, versions = copies.pop(0)
                assert versions == state, f"a complete copy at {change_id} is not the state of that revision"
        assert not copies, "a page names a revision that is greater than the head's"
        return state

    @staticmethod
    def _apply(state: Versions, entry: Entry) -> None:
        assert entry.version == state.get(entry.task_id, 0) + 1, f"a version is missing before {entry}"
        if entry.op == "remove":
            del state[entry.task_id]
        else:
            assert (entry.op == "create") == (entry.task_id not in state), entry
            state[entry.task_id] = entry.version

    def _check_creates(self, creates: Iterable[int]) -> None:
        created = [entry.task_id for entry in self.log.values() if entry.op == "create"]
        assert len(created) == len(set(created)), "an id was created twice"
        for number, ids in self.made.items():
            assert len(ids) == 1, f"create {number} made {ids}"
        unanswered = set(creates) - set(self.made)
        unmatched = set(created) - {task_id for ids in self.made.values() for task_id in ids}
        assert len(unmatched) <= len(unanswered), "a task is there twice"
