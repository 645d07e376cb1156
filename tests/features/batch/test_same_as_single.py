"""Each operation of a batch does and answers the same as the single request: over random tasks and operations."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.architecture.test_migrations import run
from tests.features.batch.test_batch import alone, restore
from tests.support.client import Json, Person, fresh_user
from tests.support.service import Service

EXAMPLES: Final = 25
TASKS: Final = 5
"""Ids that tasks have, had or never had. Each is named at most once in a batch."""
STORED: Final = (
    "select task_id, op, version, before, row_number() over (order by revision) from changes where user_id = '{}'",
    "select revision, tasks, pending from heads where user_id = '{}'",
    "select id, revision, version, field_versions, title_folded, description_folded from tasks where user_id = '{}'",
    "select task_id, tag from task_tags where user_id = '{}'",
    "select name, name_folded from tags where user_id = '{}'",
)

titles = st.sampled_from(["Milk", " Straße ", "ﬁ", "İstanbul", "x" * 200])
values: dict[str, st.SearchStrategy[Any]] = {
    "description": st.sampled_from([None, "", "D", "\n"]),
    "completed": st.booleans(),
    "priority": st.sampled_from(["High", "Medium", "Low"]),
    "due_date": st.sampled_from([None, "2026-02-28", "0001-01-01", "9999-12-31"]),
    "tags": st.lists(st.sampled_from(["a", "B", " a", "ß", "é"]), max_size=4),
}
new_tasks = st.fixed_dictionaries({"title": titles}, optional=values)
edits = st.fixed_dictionaries({}, optional={"title": titles, **values})
versions = st.fixed_dictionaries({}, optional={"if_version": st.integers(1, 4)})
stale = st.fixed_dictionaries({}, optional={"on_stale": st.sampled_from(["refuse", "merge"])})


def creates(task_id: str | None) -> st.SearchStrategy[Json]:
    own = {} if task_id is None else {"id": task_id}
    return new_tasks.map(lambda task: {"op": "create", "task": {**task, **own}})


def operations_on(task_id: str) -> st.SearchStrategy[Json]:
    updates = st.builds(
        lambda task, version, merge: {"op": "update", "id": task_id, "task": task, **version, **merge},
        edits,
        versions,
        stale,
    )
    deletes = versions.map(lambda version: {"op": "delete", "id": task_id, **version})
    return creates(task_id) | updates | updates | deletes | st.just(restore(task_id))


IDS: Final = [str(UUID(int=number, version=4)) for number in range(TASKS)]
batches = st.permutations(IDS).flatmap(
    lambda ids: st.tuples(
        *(st.none() | operations_on(task_id) for task_id in ids), st.none() | creates(None), st.none() | creates(None)
    ).map(lambda operations: [each for each in operations if each is not None])
)
days = st.lists(batches.filter(bool), min_size=1, max_size=4)


class Neutral:
    """Replaces what differs between two users who do the same: ids of the server and instants."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.ids: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: "at" if name.endswith("_at") and part else self(part) for name, part in value.items()}
            case list() | tuple():
                return [self(part) for part in value]
            case str() if value == self.person.user_id:
                return "me"
            case str() if len(value) == 36 and value.count("-") == 4 and value not in IDS:
                return self.ids.setdefault(value, f"#{len(self.ids)}")
            case _:
                return value


def as_result(answer: httpx.Response) -> Json:
    """The answer to a single request as the result of an operation."""
    body = answer.json() if answer.content else {}
    if answer.status_code < 300:
        return {"status": answer.status_code} | ({"task": body} if body else {})
    error = {"detail": body.pop("detail"), "code": body.pop("code")}
    return {"status": answer.status_code, "error": error, **body}


def stored(person: Person, url: str, neutral: Neutral) -> list[list[str]]:
    """The tasks as they are listed, and the rows of each table."""
    tables = [run(url, sql.format(person.user_id)) for sql in STORED]
    tables.append(person.get("tasks?limit=100").json()["data"])
    return [sorted(str(neutral(plain(dict(row)))) for row in rows) for rows in tables]


def plain(row: Json) -> Json:
    """A row of the driver's as JSON has it."""
    return {name: str(part) if isinstance(part, UUID) else part for name, part in row.items()} | (
        {"before": json.loads(row["before"])} if row.get("before") else {}
    )


@contextmanager
def two_people(service: Service) -> Iterator[tuple[Person, Person]]:
    with Person(service.url, fresh_user("batch")) as one, Person(service.url, fresh_user("alone")) as other:
        yield one, other


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days)
def test_a_batch_does_the_same_as_single_requests(service: Service, database_url: str, day: list[list[Json]]) -> None:
    """Both users do the same. The log has the same entries in the same order, except for `batch`."""
    with two_people(service) as (together, single):
        neutral, other = Neutral(together), Neutral(single)
        for operations in day:
            answer = together.post("batch", json={"operations": operations, "atomic": False})
            assert answer.status_code == 200, answer.text
            expected = [as_result(alone(single, operation)) for operation in operations]
            assert neutral(answer.json()["results"]) == other(expected)
        assert stored(together, database_url, neutral) == stored(single, database_url, other)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days)
def test_an_atomic_batch_is_all_or_nothing(service: Service, database_url: str, day: list[list[Json]]) -> None:
    """Its results are those of the same batch that is not atomic. If one is an error, nothing has changed."""
    with two_people(service) as (ann, _):
        ann.creates()
        for operations in day:
            before = stored(ann, database_url, Neutral(ann))
            answer = ann.post("batch", json={"operations": operations})
            failed = any("error" in result for result in answer.json()["results"])
            assert answer.status_code == (409 if failed else 200), answer.text
            if failed:
                assert stored(ann, database_url, Neutral(ann)) == before
                again = ann.post("batch", json={"operations": operations, "atomic": False})
                assert Neutral(ann)(again.json()["results"]) == Neutral(ann)(answer.json()["results"])


def test_a_restore_in_a_batch_does_the_same_as_the_single_request(service: Service, database_url: str) -> None:
    """Of a deleted task, a live one, one that was deleted for good, and one that never was."""
    deleted, live, purged, unknown = IDS[:4]
    with two_people(service) as (together, single):
        neutral, other = Neutral(together), Neutral(single)
        for person in (together, single):
            person.creates(id=deleted, tags=["ß", "a"], due_date="9999-12-31", completed=True)
            person.creates(id=live)
            person.creates(id=purged)
            for task_id in (deleted, purged):
                assert person.delete(f"tasks/{task_id}").status_code == 204
            assert person.delete(f"trash/{purged}").status_code == 204
        operations = [restore(task_id) for task_id in (deleted, live, purged, unknown)]
        answer = together.post("batch", json={"operations": operations, "atomic": False})
        results = answer.json()["results"]
        assert [result["status"] for result in results] == [200, 200, 404, 404]
        assert neutral(results) == other([as_result(alone(single, operation)) for operation in operations])
        assert stored(together, database_url, neutral) == stored(single, database_url, other)
        assert together.get("trash").json()["data"] == []
