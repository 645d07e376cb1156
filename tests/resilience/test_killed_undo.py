"""A backend that is killed in the middle of an undo or a restore leaves everything as it was."""

import asyncio
import time
from typing import Any, Final

import asyncpg
import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import held
from tests.features.trash.test_restore import WHOLE
from tests.support.client import Person
from todo_api.db.functions import SCHEMA
from todo_api.db.tables import METADATA
from todo_api.db.url import connect_arguments

_UNDO: Final = f"select * from {SCHEMA}.undo_change($1, null, $2, 'key', 'print', 100, '{{30,30}}')"
_RESTORE: Final = f"select * from {SCHEMA}.restore_task($1, null, $2, null, 'key', 'print', 100, '{{30,30}}')"
_WAITS: Final = "select wait_event_type = 'Lock' from pg_stat_activity where pid = $1"


def rows(url: str, person: Person) -> dict[str, list[str]]:
    """All rows of the user."""
    return {
        table: sorted(row[0] for row in run(url, f"select t::text from {table} t where user_id = '{person.user_id}'"))
        for table in METADATA.tables
    }


async def killed(url: str, me: str, tag: str, call: str, argument: Any) -> None:
    """Kills the backend of the call while it waits to insert the tag, which another transaction inserts."""
    holder, victim, killer = [await asyncpg.connect(**connect_arguments(url)) for _ in range(3)]
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("insert into tags (user_id, name, name_folded) values ($1, $2, $2)", me, tag)
        running = asyncio.create_task(victim.fetch(call, me, argument))
        pid = victim.get_server_pid()
        deadline = time.monotonic() + 30
        while not await killer.fetchval(_WAITS, pid):
            assert not running.done(), "the call does not wait"
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        await killer.execute("select pg_terminate_backend($1)", pid)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
            await running
        await transaction.rollback()
    finally:
        for connection in (holder, victim, killer):
            connection.terminate()


@pytest.mark.parametrize("kind", ["change", "remove", "rename", "restore"])
def test_a_kill_leaves_nothing_half_done(ann: Person, database_url: str, kind: str) -> None:
    tasks = [ann.creates(**WHOLE | {"tags": ["a", "common"]}) for _ in range(3)]
    ann.creates(tags=["common"])
    # After the first day, a tag without tasks is deleted from its table. So it has to be inserted again.
    run(database_url, f"update heads set made_at = '2026-01-01' where user_id = '{ann.user_id}'")
    before = held(ann)
    path = f"tasks/{tasks[0]['id']}"
    if kind != "rename":
        for task in tasks[1:]:
            ann.patch(f"tasks/{task['id']}", json={"tags": []})
        before = held(ann)
    match kind:
        case "change":
            answer = ann.patch(path, json={"title": "New", "tags": ["common"]})
        case "rename":
            answer = ann.patch("tags/a", json={"name": "z"})
        case _:
            answer = ann.delete(path)
    call, argument = (_RESTORE, tasks[0]["id"]) if kind == "restore" else (_UNDO, int(answer.headers["change-id"]))
    stored = rows(database_url, ann)
    asyncio.run(killed(database_url, ann.user_id, "a", call, argument))
    assert rows(database_url, ann) == stored
    if kind == "restore":
        again = ann.post(f"trash/{argument}/restore", headers={"Idempotency-Key": "key"})
    else:
        again = ann.post("undo", json={"change_id": argument}, headers={"Idempotency-Key": "key"})
    assert (again.status_code, "idempotency-replayed" in again.headers) == (200, False)
    after = held(ann)
    assert after.keys() == before.keys()
    for task_id, task in after.items():
        assert task == before[task_id] | {"version": task["version"], "updated_at": task["updated_at"]}
