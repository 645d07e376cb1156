"""GET /api/{user_id}/trash and POST /api/{user_id}/trash/{task_id}/restore."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import Device, held, kinds
from tests.features.tags.test_rename import tags
from tests.support.client import Json, Person

WHOLE: Json = {
    "title": "Straße kehren",
    "description": "Vor dem Haus, GROẞ",
    "priority": "High",
    "due_date": "2026-12-24",
    "tags": ["Ärger", "home", "ﬁx"],
    "completed": True,
}
INSTANTS = ("created_at", "updated_at", "completed_at")


def trash(person: Person, **parameters: Any) -> list[Json]:
    answer = person.get("trash", params=parameters)
    assert answer.status_code == 200, answer.text
    data: list[Json] = answer.json()["data"]
    return data


def restore(person: Person, task_id: str, **headers: str) -> httpx.Response:
    return person.post(f"trash/{task_id}/restore", headers={name.replace("_", "-"): to for name, to in headers.items()})


def deleted(person: Person, **task: Any) -> Json:
    """A task in the trash, as it was."""
    made = person.creates(**task)
    assert person.delete(f"tasks/{made['id']}").status_code == 204
    return made


def age(url: str, person: Person, days: float) -> None:
    """So many days go by for all entries of the log that are there now."""
    instants = run(url, f"select revision, at from changes where user_id = '{person.user_id}'")
    for revision, at in instants:
        sql = f"update changes set at = '{at - timedelta(days=days)}' where user_id = '{person.user_id}'"
        run(url, f"{sql} and revision = {revision}")


def test_a_deleted_task_is_in_the_trash_as_it_was(ann: Person, bob: Person) -> None:
    task = deleted(ann, **WHOLE)
    (entry,) = trash(ann)
    assert entry["task"] == task | {"version": 2}
    deleted_at = datetime.fromisoformat(entry["deleted_at"])
    assert datetime.fromisoformat(task["updated_at"]) < deleted_at
    assert datetime.fromisoformat(entry["deleted_for_good_at"]) - deleted_at == timedelta(days=30)
    assert trash(bob) == []


@pytest.mark.parametrize("fields", [WHOLE, {"title": "Plain"}, {"due_date": "9999-12-31"}, {"due_date": "0001-01-01"}])
def test_a_restored_task_is_the_same_with_its_next_version(ann: Person, fields: Json) -> None:
    task = deleted(ann, **fields)
    assert trash(ann)[0]["task"] == task | {"version": 2}
    answer = restore(ann, task["id"])
    assert answer.status_code == 200
    restored = answer.json()
    assert restored["updated_at"] > task["updated_at"]
    assert restored == task | {"version": 3, "updated_at": restored["updated_at"]}
    assert (answer.headers["change-id"], answer.headers["etag"]) == ("3", '"3"')
    assert ann.sees(task["id"]) == restored
    assert trash(ann) == []
    assert tags(ann) == dict.fromkeys(task["tags"], 1)


def test_searches_find_a_restored_task_as_before(ann: Person, database_url: str) -> None:
    task = ann.creates(**WHOLE)
    # After the first day, a tag without tasks is deleted from its table.
    run(database_url, f"update heads set made_at = '2026-01-01' where user_id = '{ann.user_id}'")
    texts = f"select title_folded, description_folded, stems::text from tasks where user_id = '{ann.user_id}'"
    names = f"select name, name_folded from tags where user_id = '{ann.user_id}' order by name"
    before = [run(database_url, sql) for sql in (texts, names)]
    ann.delete(f"tasks/{task['id']}")
    assert run(database_url, names) == []
    restore(ann, task["id"])
    assert [run(database_url, sql) for sql in (texts, names)] == before
    assert [found["id"] for found in ann.get("tasks", params={"search": "STRASSE gross"}).json()["data"]] == [
        task["id"]
    ]
    assert [tag["name"] for tag in ann.get("tags", params={"search": "fi"}).json()] == ["ﬁx"]


def test_the_versions_of_the_fields_come_back_too(ann: Person) -> None:
    task = ann.creates()
    ann.patch(f"tasks/{task['id']}", json={"title": "New"})
    ann.delete(f"tasks/{task['id']}")
    restore(ann, task["id"])
    stale = ann.patch(f"tasks/{task['id']}", json={"title": "x"}, headers={"If-Match": '"1"'})
    assert stale.json()["changed"] == ["title"]
    path = f"tasks/{task['id']}?on_stale=merge"
    assert ann.patch(path, json={"priority": "Low"}, headers={"If-Match": '"1"'}).status_code == 200


def test_a_task_that_is_not_deleted_stays_as_it_is(ann: Person) -> None:
    task = ann.creates()
    answer = restore(ann, task["id"])
    assert (answer.status_code, answer.json()) == (200, task)
    assert "change-id" not in answer.headers
    assert restore(ann, task["id"], If_Match='"1"').status_code == 200
    assert restore(ann, task["id"], If_Match='"2"').status_code == 412


def test_an_unknown_task_and_another_users_are_404(ann: Person, bob: Person) -> None:
    theirs = deleted(bob)
    answers = [restore(ann, each) for each in (theirs["id"], str(uuid4()), "nonsense")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert answers[0].json()["code"] == "task_not_found"


def test_if_match_names_the_version_of_the_deletion(ann: Person) -> None:
    task = deleted(ann, title="One")
    refused = restore(ann, task["id"], If_Match='"1"')
    assert (refused.status_code, refused.headers["etag"]) == (412, '"2"')
    assert refused.json()["current"] == task | {"version": 2}
    assert restore(ann, task["id"], If_Match='"2"').status_code == 200


def test_the_deletion_is_gone_from_the_changes_and_each_task_is_there_once(ann: Person) -> None:
    kept, gone = ann.creates(title="kept"), ann.creates(title="gone")
    late, prompt = Device(ann), Device(ann)
    late.sync()
    prompt.sync()
    ann.delete(f"tasks/{gone['id']}")
    assert kinds(prompt.read_page()) == [("task_deleted", gone["id"])]
    restored = restore(ann, gone["id"]).json()
    for device in (late, prompt):
        page = device.read_page()
        assert kinds(page) == [("task", "gone")]
        assert device.tasks == held(ann) == {kept["id"]: kept, gone["id"]: restored}
    ann.delete(f"tasks/{gone['id']}")
    page = prompt.read_page()
    assert page["changes"] == [{"kind": "task_deleted", "id": gone["id"], "version": 4}]


def test_a_task_goes_to_the_trash_and_back_many_times(ann: Person) -> None:
    task = ann.creates(tags=["a"])
    for _ in range(3):
        ann.delete(f"tasks/{task['id']}")
        assert len(trash(ann)) == 1
        assert restore(ann, task["id"]).status_code == 200
    now = ann.sees(task["id"])
    assert now == task | {"version": 7, "updated_at": now["updated_at"]}
    assert ann.get("limits").json()["tasks"]["used"] == 1


def test_the_id_of_a_task_in_the_trash_is_taken(ann: Person) -> None:
    own = str(uuid4())
    deleted(ann, id=own)
    answer = ann.post("tasks", json={"id": own, "title": "again"})
    assert (answer.status_code, answer.json()["code"], answer.json()["current"]) == (409, "id_taken", None)
    assert restore(ann, own).status_code == 200
    assert ann.post("tasks", json={"id": own, "title": "again"}).json()["current"] == ann.sees(own)


def test_a_key_restores_once(ann: Person) -> None:
    task = deleted(ann)
    first = restore(ann, task["id"], Idempotency_Key="k")
    again = restore(ann, task["id"], Idempotency_Key="k")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["change-id"] == first.headers["change-id"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    other = deleted(ann)
    assert restore(ann, other["id"], Idempotency_Key="k").json()["code"] == "idempotency_key_reused"
    ann.delete(f"tasks/{task['id']}")
    replay = restore(ann, task["id"], Idempotency_Key="k")
    assert (replay.status_code, replay.json()["code"]) == (410, "task_deleted")
    assert restore(ann, task["id"]).status_code == 200


def test_the_key_of_a_refused_restore_is_free_again(ann: Person) -> None:
    task = ann.creates()
    assert restore(ann, str(uuid4()), Idempotency_Key="k").status_code == 404
    assert restore(ann, task["id"], Idempotency_Key="k").status_code == 200
    ann.delete(f"tasks/{task['id']}")
    assert restore(ann, task["id"], Idempotency_Key="k", If_Match='"1"').status_code == 412
    assert restore(ann, task["id"], Idempotency_Key="k").json()["version"] == 3
