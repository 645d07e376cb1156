"""DELETE /api/{user_id}/trash and DELETE /api/{user_id}/trash/{task_id}."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import Device
from tests.features.trash.test_restore import WHOLE, age, deleted, restore, trash
from tests.support.client import Person, fresh_user
from tests.support.service import running
from todo_api.db.functions import SCHEMA
from todo_api.db.tables import METADATA

_FILL = """
    insert into changes (user_id, revision, at, task_id, op, version, before)
    select '{0}', n, clock_timestamp() - interval '1 hour' * ({1} - n), gen_random_uuid(), 'remove', 2,
        '{{"title": "T", "tags": [], "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}}'
    from generate_series(1, {1}) as n
"""


def texts(url: str, person: Person) -> str:
    """All rows of the user in all tables, as text."""
    tables = [
        f"(select string_agg(t::text, ' ') from {name} t where user_id = '{person.user_id}')"
        for name in METADATA.tables
    ]
    (row,) = run(url, f"select concat_ws(' ', {', '.join(tables)})")
    return str(row[0])


def test_a_task_that_was_deleted_for_good_is_in_no_table(ann: Person, database_url: str) -> None:
    kept = ann.creates(title="kept", tags=["kept"])
    task = ann.creates(title="secret one", description="secret two", tags=["secret-tag"])
    ann.patch(f"tasks/{task['id']}", json={"title": "secret three", "tags": []})
    ann.delete(f"tasks/{task['id']}")
    restore(ann, task["id"], Idempotency_Key="k")
    ann.patch(f"tasks/{task['id']}", json={"tags": ["secret-tag", "kept"]})
    ann.patch("tags/secret-tag", json={"name": "secret-name"})
    ann.patch(f"tasks/{task['id']}", json={"tags": []})
    ann.delete(f"tasks/{task['id']}")
    assert "secret" in texts(database_url, ann)
    answer = ann.delete(f"trash/{task['id']}")
    assert (answer.status_code, answer.content, answer.headers["change-id"]) == (204, b"", "10")
    # A tag without tasks is deleted after the first day.
    run(database_url, f"delete from tags where user_id = '{ann.user_id}' and name like 'secret%'")
    assert "secret" not in texts(database_url, ann)
    assert trash(ann) == []
    assert restore(ann, task["id"]).status_code == 404
    assert ann.delete(f"trash/{task['id']}").status_code == 404
    assert ann.sees(kept["id"]) == kept


def test_the_deletion_stays_in_the_changes_and_the_id_stays_taken(ann: Person) -> None:
    own = str(uuid4())
    device = Device(ann)
    ann.creates(id=own)
    device.sync()
    ann.delete(f"tasks/{own}")
    purged = ann.delete(f"trash/{own}")
    page = device.read_page()
    assert page["changes"] == [{"kind": "task_deleted", "id": own, "version": 2}]
    assert page["change_id"] == int(purged.headers["change-id"])
    assert ann.post("tasks", json={"id": own, "title": "again"}).json()["code"] == "id_taken"


def test_only_the_named_version_of_a_task_in_the_trash_is_deleted(ann: Person, bob: Person) -> None:
    task = deleted(ann)
    stale = ann.delete(f"trash/{task['id']}", headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["current"]) == (412, task | {"version": 2})
    assert bob.delete(f"trash/{task['id']}").status_code == 404
    assert ann.delete(f"trash/{task['id']}", headers={"If-Match": '"2"'}).status_code == 204
    live = ann.creates()
    assert ann.delete(f"trash/{live['id']}").status_code == 404
    assert ann.sees(live["id"]) == live


def test_the_trash_is_emptied(ann: Person, bob: Person, database_url: str) -> None:
    theirs = deleted(bob)
    live = ann.creates(title="live")
    for number in range(3):
        deleted(ann, title=f"secret {number}")
    deleted(ann, title="secret and old")
    age(database_url, ann, 31)
    device = Device(ann)
    device.sync()
    answer = ann.delete("trash")
    assert (answer.status_code, answer.headers["change-id"]) == (204, "10")
    assert "secret" not in texts(database_url, ann)
    assert (trash(ann), ann.sees(live["id"])) == ([], live)
    assert device.read_page()["changes"] == []
    again = ann.delete("trash")
    assert (again.status_code, again.headers.get("change-id")) == (204, None)
    assert len(trash(bob)) == 1
    assert restore(bob, theirs["id"]).status_code == 200


def test_each_call_has_an_entry_in_the_log(ann: Person, database_url: str) -> None:
    tasks = [deleted(ann) for _ in range(3)]
    ann.delete(f"trash/{tasks[0]['id']}")
    ann.delete("trash")
    sql = f"select revision, op, before is null from changes where user_id = '{ann.user_id}' order by revision"
    entries = [tuple(row) for row in run(database_url, sql)]
    removals = [(2, "remove", True), (4, "remove", True), (6, "remove", True)]
    assert entries == [*removals, (7, "purge", True), (8, "purge", True)]


def test_a_large_trash_is_emptied_in_parts(ann: Person, database_url: str) -> None:
    ann.creates()
    run(database_url, f"update heads set revision = 7000 where user_id = '{ann.user_id}'")
    run(database_url, f"delete from changes where user_id = '{ann.user_id}'")
    run(database_url, _FILL.format(ann.user_id, 7000))
    (first,) = run(database_url, f"select * from {SCHEMA}.empty_trash('{ann.user_id}', null, 1000, '{{30,30}}')")
    assert (first["outcome"], first["tasks_left"]) == ("purged", 1)
    answer = ann.delete("trash")
    assert (answer.status_code, answer.headers["change-id"]) == (204, "7003")
    assert trash(ann) == []


@pytest.fixture(scope="module")
def days_of_trash(
    request: pytest.FixtureRequest, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Person]:
    settings = {"DATABASE_URL": database_url, "TRASH_DAYS": str(request.param), "MAX_TASKS": "2"}
    with (
        running(tmp_path_factory.mktemp("service"), settings) as service,
        Person(service.url, fresh_user("ann")) as person,
    ):
        yield person


@pytest.mark.parametrize("days_of_trash", [0], indirect=True)
def test_without_days_of_trash_a_task_is_deleted_for_good(days_of_trash: Person, database_url: str) -> None:
    ann = days_of_trash
    task = ann.creates(title="secret")
    ann.patch(f"tasks/{task['id']}", json={"title": "secret 2"})
    ann.delete(f"tasks/{task['id']}")
    assert "secret" not in texts(database_url, ann)
    assert trash(ann) == []
    assert restore(ann, task["id"]).status_code == 404


@pytest.mark.parametrize("days_of_trash", [1], indirect=True)
def test_restoring_needs_room(days_of_trash: Person) -> None:
    ann = days_of_trash
    task = deleted(ann, **WHOLE)
    live = [ann.creates() for _ in range(2)]
    refused = restore(ann, task["id"], Idempotency_Key="k")
    assert (refused.status_code, refused.json()["code"]) == (409, "limit_reached")
    ann.delete(f"tasks/{live[0]['id']}")
    assert restore(ann, task["id"], Idempotency_Key="k").status_code == 200
    assert ann.get("limits").json()["tasks"] == {"used": 2, "max": 2}
