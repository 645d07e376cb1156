"""A random sequence of writes and undos: the service and the model have the same tasks after each step."""

from typing import Any, Final

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, given, settings

from tests.features.changes.test_list import Device, held
from tests.features.tags.test_rename import tags
from tests.features.trash.test_restore import trash
from tests.features.undo.model import FIELDS, Model, Write
from tests.support.client import Json, Person, fresh_user
from tests.support.service import Service

EXAMPLES = 30
STEPS: Final = 40
_TAGS: Final = ("a", "b", "ß", "Éa")
_BODY: Final = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["one", "Zwei", "İKİ", "ﬁve"]),
        "description": st.sampled_from([None, "d", "ẞ"]),
        "completed": st.booleans(),
        "priority": st.sampled_from(["High", "Medium", "Low"]),
        "due_date": st.sampled_from([None, "2026-12-24", "9999-12-31"]),
        "tags": st.lists(st.sampled_from(_TAGS), unique=True).map(sorted),
    },
)
_PLACE: Final = st.integers(0, 100)
_STEP: Final = st.one_of(
    st.tuples(st.just("create"), _PLACE, _BODY),
    st.tuples(st.just("change"), _PLACE, _BODY),
    st.tuples(st.sampled_from(["remove", "restore", "purge"]), _PLACE, st.none()),
    st.tuples(st.just("tag"), _PLACE, st.tuples(st.sampled_from(_TAGS), st.sampled_from([*_TAGS, None]))),
    st.tuples(st.sampled_from(["undo", "undo", "undo last", "undo last"]), _PLACE, st.none()),
)


class Pair:
    """The service and the model, with the same writes."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.model = Model()
        self.ids: dict[str, str] = {}
        """The ids of the service by the names of the model."""
        self.device = Device(person)

    def step(self, kind: str, place: int, body: Any) -> None:
        names = sorted(self.model.tasks)
        name = names[place % len(names)] if names else ""
        if kind == "create" or (kind == "change" and not names):
            self._create(f"task {len(self.ids)}", body)
        elif kind == "tag":
            self._tag(*body)
        elif kind.startswith("undo"):
            numbers = sorted(self.model.writes)
            if numbers:
                self._undo(
                    numbers[-1 - place % 3 if kind == "undo last" and len(numbers) > 3 else place % len(numbers)]
                )
        elif name:
            self._write(kind, name, body)

    def _create(self, name: str, body: Json) -> None:
        answer = self.person.post("tasks", json={"title": "new", **body})
        self.ids[name] = answer.json()["id"]
        self.model.writes[int(answer.headers["change-id"])] = self.model.create(name, {"title": "new", **body})

    def _write(self, kind: str, name: str, body: Any) -> None:
        method, path, needs_deleted = {
            "change": ("PATCH", "tasks/{}", False),
            "remove": ("DELETE", "tasks/{}", False),
            "restore": ("POST", "trash/{}/restore", True),
            "purge": ("DELETE", "trash/{}", True),
        }[kind]
        answer = self.person.request(method, path.format(self.ids[name]), json=body)
        if self.model.tasks[name]["deleted"] is not needs_deleted:
            assert answer.status_code == (200 if kind == "restore" else 404)
            return
        write: Write = getattr(self.model, kind)(name, *([body] if body is not None else []))
        assert answer.status_code in (200, 204), answer.text
        assert ("change-id" in answer.headers) is bool(write.changed or write.whole or kind == "purge")
        if "change-id" in answer.headers:
            self.model.writes[int(answer.headers["change-id"])] = write

    def _tag(self, former: str, successor: str | None) -> None:
        if successor is None:
            answer = self.person.delete(f"tags/{former}")
        else:
            answer = self.person.patch(f"tags/{former}", json={"name": successor})
        if former != successor:
            write = self.model.replace_tag(former, successor)
            assert ("change-id" in answer.headers) is bool(write.changed)
            if write.changed:
                self.model.writes[int(answer.headers["change-id"])] = write

    def _undo(self, number: int) -> None:
        write = self.model.writes[number]
        answer = self.person.post("undo", json={"change_id": number})
        if (write.whole.keys() & self.model.purged) or not (write.whole or write.changed):
            assert answer.status_code == 410, answer.text
            return
        if answer.status_code == 410:
            assert write.changed.keys() <= self.model.purged
            return
        back, conflicts = self.model.undo(write)
        assert answer.status_code == (200 if back.changed or back.whole else 409), answer.text
        found = {each["id"]: each["fields"] for each in answer.json()["conflicts"]}
        assert found == {self.ids[name]: fields for name, fields in conflicts.items()}
        if answer.status_code == 200:
            self.model.writes[int(answer.headers["change-id"])] = back
            changes = [change.get("id") or change["task"]["id"] for change in answer.json()["changes"]]
            assert sorted(changes) == sorted(self.ids[name] for name in (*back.changed, *back.whole))

    def compare(self) -> None:
        live = {self.ids[name]: task for name, task in self.model.live().items()}
        found = held(self.person)
        assert {task_id: _fields(task) for task_id, task in found.items()} == {
            task_id: _fields(task) for task_id, task in live.items()
        }
        in_trash = {entry["task"]["id"]: _fields(entry["task"]) for entry in trash(self.person, limit=100)}
        assert in_trash == {self.ids[name]: _fields(task) for name, task in self.model.tasks.items() if task["deleted"]}
        used = [name for task in live.values() for name in task["tags"]]
        assert tags(self.person) == {name: used.count(name) for name in used}
        assert self.person.get("limits").json()["tasks"]["used"] == len(live)
        self.device.sync()
        assert self.device.tasks == found


def _fields(task: Json) -> Json:
    return {name: task[name] for name in FIELDS}


def test_the_service_and_the_model_have_the_same_tasks_after_each_step(service: Service) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(steps=st.lists(_STEP, min_size=5, max_size=STEPS))
    def check(steps: list[tuple[str, int, Any]]) -> None:
        with Person(service.url, fresh_user("ann")) as person:
            pair = Pair(person)
            for step in steps:
                pair.step(*step)
                pair.compare()

    check()
