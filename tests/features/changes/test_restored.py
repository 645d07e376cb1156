"""`todo-api database restored`: after it, every cursor from before is 410, also of users without a head row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_migrations import empty, run
from tests.features.changes.test_list import Device, held
from tests.support.client import Person, fresh_user
from tests.support.program import todo_api
from tests.support.service import running
from todo_api.db.migrations import upgrade

__all__ = ["empty"]
_COLUMNS = "user_id, id, title, priority, title_folded, description_folded"
_OLD_TASKS = f"""
    insert into tasks ({_COLUMNS})
    select '{{}}', gen_random_uuid(), 'T', 2, 't', '' from generate_series(1, 6)
"""
_BACKUP = "create table backup as select * from tasks"
_RESTORE = (
    "delete from tasks",
    "delete from changes",
    "delete from heads",
    f"insert into tasks ({_COLUMNS}) select {_COLUMNS} from backup",
)


@pytest.fixture
def person(empty: str, tmp_path: Path) -> Iterator[Person]:
    """A user with six tasks from before there were revisions, and no head row."""
    upgrade(empty)
    with running(tmp_path, {"DATABASE_URL": empty}) as service, Person(service.url, fresh_user("ann")) as person:
        run(empty, _OLD_TASKS.format(person.user_id))
        yield person


def restore(url: str, directory: Path) -> None:
    for statement in _RESTORE:
        run(url, statement)
    done = todo_api(directory, "database", "restored", DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")


def code(person: Person, cursor: str | None) -> tuple[int, str | None]:
    answer = person.get("changes", params={"cursor": cursor or ""})
    return answer.status_code, answer.json().get("code")


def test_a_cursor_of_a_user_who_never_wrote_is_410(person: Person, empty: str, tmp_path: Path) -> None:
    run(empty, _BACKUP)
    # As a replica of the first release, which does not raise the revision.
    run(empty, "delete from tasks where id = (select id from tasks order by id limit 1)")
    device = Device(person)
    device.sync()
    assert device.read_page()["changes"] == []
    restore(empty, tmp_path)
    assert code(person, device.cursor) == (410, "cursor_expired")
    again = Device(person)
    again.sync()
    assert len(again.tasks) == 6
    # The head row has the new epoch, and the old cursor is still of the old one.
    assert code(person, device.cursor) == (410, "cursor_expired")
    person.creates()
    again.sync()
    assert again.tasks == held(person)
    assert code(person, device.cursor) == (410, "cursor_expired")


def test_a_walk_that_began_before_the_restore_is_410(person: Person, empty: str, tmp_path: Path) -> None:
    """The task that was deleted since the backup is before the cursor: the device would never get it."""
    run(empty, _BACKUP)
    (first,) = run(empty, "select id from tasks order by id limit 1")
    assert person.delete(f"tasks/{first['id']}").status_code == 204
    device = Device(person, limit=2)
    assert device.read_page()["has_more"]
    restore(empty, tmp_path)
    assert code(person, device.cursor) == (410, "cursor_expired")


def test_the_cursor_of_a_client_that_has_nothing_is_right_after_a_restore(
    person: Person, empty: str, tmp_path: Path
) -> None:
    run(empty, _BACKUP)
    run(empty, "delete from tasks")
    device = Device(person)
    assert len({device.read_page()["cursor"] for _ in range(3)}) == 1
    restore(empty, tmp_path)
    device.sync()
    assert len(device.tasks) == 6
    person.creates()
    device.sync()
    assert device.tasks == held(person)
