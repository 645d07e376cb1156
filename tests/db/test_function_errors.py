"""An error inside a function that writes has the answer of the same error in a plain statement, and changes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import anyio
import anyio.to_thread
import asyncpg
import httpx
import pytest

from tests.support.client import Person, fresh_user
from tests.support.service import running
from todo_api.db.functions import SCHEMA
from todo_api.db.url import connect_arguments
from todo_api.sqlstates import from_database

CREATE: Final = f"select * from {SCHEMA}.create_task($1, null, $2, false, $3, $4, $4, null, null, 100, '{{30,30}}')"
CHANGE: Final = (
    f"""select * from {SCHEMA}.change_task($1, null, $2, '{{"toggle": true}}', null, null, null, false, '{{30,30}}')"""
)
LINK: Final = f"select {SCHEMA}.link_tags($1, $2, '{{}}', $3, $3)"
INSERT: Final = """
    insert into tasks (user_id, id, title, priority, due_date, title_folded, description_folded)
    select $1, $2, title, priority, due_date, title_folded, description_folded
    from jsonb_populate_record(null::tasks, $3)
"""
INSERT_LINK: Final = "insert into task_tags (user_id, task_id, tag) select $1, $2, unnest($3::text[])"
HEAD: Final = "select revision from heads where user_id = $1 for update"
GOOD: Final = {"title": "a", "priority": 2, "title_folded": "a", "description_folded": ""}


@asynccontextmanager
async def connected(url: str, **settings: str) -> AsyncIterator[asyncpg.Connection]:
    arguments = connect_arguments(url)
    arguments["server_settings"] |= settings
    connection = await asyncpg.connect(**arguments)
    try:
        yield connection
    finally:
        connection.terminate()


async def refused(connection: asyncpg.Connection, sql: str, *arguments: Any) -> tuple[object, ...]:
    """SQLSTATE, names in the error, status and `code`."""
    with pytest.raises(asyncpg.PostgresError) as raised:
        await connection.fetch(sql, *arguments)
    error = raised.value
    answer = from_database(error)
    names = [getattr(error, name, None) for name in ("constraint_name", "table_name", "column_name")]
    return error.sqlstate, *names, answer.status, answer.code


async def created(connection: asyncpg.Connection, me: str, tags: tuple[str, ...] = ()) -> UUID:
    task_id = uuid4()
    await connection.fetch(CREATE, me, task_id, json.dumps(GOOD), tags)
    return task_id


async def revisions(connection: asyncpg.Connection, me: str) -> list[tuple[object, ...]]:
    """The head and the log."""
    sql = "select revision from heads where user_id = $1 union all select revision from changes where user_id = $1"
    return [tuple(row) for row in await connection.fetch(sql, me)]


DATA: Final = [
    ({"title": "a" * 201}, "23514", 500, "internal_error"),
    ({"priority": 7}, "23514", 500, "internal_error"),
    ({"title": None}, "23502", 500, "internal_error"),
    ({"due_date": "soon"}, "22007", 400, "validation_error"),
    ({"due_date": "2026-02-30"}, "22008", 400, "validation_error"),
    ({"priority": 70_000}, "22003", 400, "validation_error"),
    ({"priority": "high"}, "22P02", 400, "validation_error"),
]


@pytest.mark.parametrize(("wrong", "state", "status", "code"), DATA)
def test_wrong_data(wrong: dict[str, object], state: str, status: int, code: str, database_url: str) -> None:
    async def compare() -> None:
        me = fresh_user("ann")
        async with connected(database_url) as connection:
            await created(connection, me)
            before = await revisions(connection, me)
            sent = json.dumps(GOOD | wrong)
            inside = await refused(connection, CREATE, me, uuid4(), sent, ())
            assert inside == await refused(connection, INSERT, me, uuid4(), sent)
            assert (inside[0], *inside[-2:]) == (state, status, code)
            assert await revisions(connection, me) == before

    anyio.run(compare)


def test_a_link_to_nothing_and_a_link_twice_are_conflicts(database_url: str) -> None:
    async def compare() -> None:
        me = fresh_user("ann")
        async with connected(database_url) as connection:
            task_id = await created(connection, me, ("a",))
            inside = await refused(connection, LINK, me, uuid4(), ["a"])
            assert inside == await refused(connection, INSERT_LINK, me, uuid4(), ["a"])
            assert inside[:2] == ("23503", "fk_task_tags_user_id_tasks")
            assert inside[-2:] == (409, "conflict")
            inside = await refused(connection, LINK, me, task_id, ["a"])
            assert inside == await refused(connection, INSERT_LINK, me, task_id, ["a"])
            assert inside[:2] == ("23505", "pk_task_tags")
            assert inside[-2:] == (409, "conflict")

    anyio.run(compare)


WAITS: Final = [
    ({"lock_timeout": "50"}, "55P03", "busy"),
    ({"statement_timeout": "50"}, "57014", "database_too_slow"),
    ({"default_transaction_read_only": "on"}, "25006", "read_only"),
]


@pytest.mark.parametrize(("settings", "state", "code"), WAITS, ids=[each[2] for each in WAITS])
def test_a_locked_head_and_a_read_only_database(
    settings: dict[str, str], state: str, code: str, database_url: str
) -> None:
    async def compare() -> None:
        me = fresh_user("ann")
        async with connected(database_url) as holder, connected(database_url, **settings) as connection:
            task_id = await created(holder, me)
            before = await revisions(holder, me)
            async with holder.transaction():
                await holder.fetch(HEAD, me)
                inside = await refused(connection, CHANGE, me, task_id)
                assert inside == await refused(connection, HEAD, me)
            assert (inside[0], *inside[-2:]) == (state, 503, code)
            assert await revisions(holder, me) == before

    anyio.run(compare)


def test_a_connection_that_is_ended(database_url: str) -> None:
    """Only the answers are compared: the driver may see the end of the connection before it has read the error."""

    async def ended(sql: str, *arguments: Any) -> tuple[object, ...]:
        async with connected(database_url) as holder, connected(database_url) as connection, holder.transaction():
            await holder.fetch(HEAD, arguments[0])
            call = asyncio.create_task(refused(connection, sql, *arguments))
            await waits(holder, connection)
            await holder.fetch("select pg_terminate_backend($1)", connection.get_server_pid())
            return (await call)[-2:]

    async def compare() -> None:
        me = fresh_user("ann")
        async with connected(database_url) as connection:
            task_id = await created(connection, me)
        assert await ended(CHANGE, me, task_id) == await ended(HEAD, me) == (503, "database_unavailable")

    anyio.run(compare)


async def waits(observer: asyncpg.Connection, connection: asyncpg.Connection) -> None:
    """Returns when `connection` waits for a lock."""
    for _ in range(500):
        if await observer.fetchval("select pg_blocking_pids($1) <> '{}'", connection.get_server_pid()):
            return
        await asyncio.sleep(0.01)
    pytest.fail("it does not wait")


def test_a_deadlock(database_url: str) -> None:
    """Only a client that locks a task before the head can cause one, such as `psql`."""

    async def caught(me: str, task_id: UUID, *steps: tuple[str, tuple[object, ...]]) -> tuple[object, ...]:
        async with connected(database_url) as other, connected(database_url, deadlock_timeout="1500") as connection:
            # PostgreSQL looks for a deadlock once in a wait: after its timeout, when both must wait.
            await other.execute("set deadlock_timeout = '60s'")
            async with other.transaction():
                await other.fetch("select from tasks where user_id = $1 and id = $2 for update", me, task_id)
                await connection.execute("begin")
                for sql, arguments in steps[:-1]:
                    await connection.fetch(sql, *arguments)
                call = asyncio.create_task(refused(connection, steps[-1][0], *steps[-1][1]))
                async with connected(database_url) as observer:
                    await waits(observer, connection)
                await other.fetch(HEAD, me)
                return await call

    async def compare() -> None:
        me = fresh_user("ann")
        async with connected(database_url) as connection:
            task_id = await created(connection, me)
        inside = await caught(me, task_id, (CHANGE, (me, task_id)))
        update = "update tasks set version = 2 where user_id = $1 and id = $2"
        assert inside == await caught(me, task_id, (HEAD, (me,)), (update, (me, task_id)))
        assert (inside[0], *inside[-2:]) == ("40P01", 503, "busy")

    anyio.run(compare)


def test_a_change_in_between_of_a_transaction_with_an_old_snapshot(database_url: str) -> None:
    async def compare() -> None:
        me = fresh_user("ann")
        settings = {"default_transaction_isolation": "repeatable read"}
        async with connected(database_url) as other, connected(database_url, **settings) as connection:
            task_id = await created(other, me)
            answers = []
            for sql, arguments in ((CHANGE, (me, task_id)), (HEAD, (me,))):
                await connection.execute("begin")
                await connection.fetch("select from heads")
                await other.fetch(CHANGE, me, task_id)
                answers.append(await refused(connection, sql, *arguments))
                await connection.execute("rollback")
        assert answers[0] == answers[1]
        assert (answers[0][0], *answers[0][-2:]) == ("40001", 503, "busy")

    anyio.run(compare)


def test_a_version_of_the_functions_that_is_not_installed(database_url: str) -> None:
    async def compare() -> None:
        async with connected(database_url) as connection:
            for schema in ("writes_0", "pg_catalog"):
                inside = await refused(connection, CHANGE.replace(SCHEMA, schema), "ann", uuid4())
                assert inside[-2:] == (503, "not_migrated")

    anyio.run(compare)


def test_the_service_says_busy_if_the_head_stays_locked(database_url: str, tmp_path: Path) -> None:
    url = f"{database_url}{'&' if '?' in database_url else '?'}options=-c%20lock_timeout%3D50"

    async def hold(ann: Person, task: dict[str, Any]) -> list[httpx.Response]:
        path = f"tasks/{task['id']}"
        async with connected(database_url) as holder, holder.transaction():
            await holder.fetch(HEAD, ann.user_id)
            return [
                await anyio.to_thread.run_sync(call)
                for call in (
                    lambda: ann.post("tasks", json={"title": "b"}),
                    lambda: ann.put(path, json={"title": "b"}),
                    lambda: ann.patch(f"{path}/complete"),
                    lambda: ann.delete(path),
                )
            ]

    with running(tmp_path, {"DATABASE_URL": url}) as service, Person(service.url, fresh_user("ann")) as ann:
        task = ann.creates()
        answers = anyio.run(hold, ann, task)
        assert [(each.status_code, each.json()["code"]) for each in answers] == [(503, "busy")] * 4
        assert ann.sees(task["id"]) == task
