"""An erasure while others write, and while its connection is lost: nothing is left, or everything."""

import random
import time
from collections import Counter
from contextlib import suppress
from typing import Any, Final

import anyio
import asyncpg
import httpx

from tests.architecture.test_migrations import run
from tests.support.client import Person, fresh_user, token_for
from tests.support.erasure import erase, found
from tests.support.service import Service
from todo_api.db.functions import SCHEMA
from todo_api.db.url import connect_arguments

WRITERS: Final = 16
KILLS: Final = 30
TASKS: Final = 3000
_FILL: Final = (
    "insert into heads (user_id, revision, tasks) values ($1, 1, 0)",
    f"""insert into tasks (user_id, id, title, priority, title_folded, description_folded, revision)
    select $1, gen_random_uuid(), 'Buy milk', 2, 'buy milk', '', i from generate_series(1, {TASKS}) i""",
    """insert into changes (user_id, revision, at, task_id, op, version)
    values ($1, 1, now(), gen_random_uuid(), 'create', 1)""",
)
_HELD: Final = """
    select (select count(*) from tasks where user_id = $1), (select count(*) from changes where user_id = $1),
        (select erased_at is null from heads where user_id = $1)
"""

_RUNS: Final = "select exists (select from pg_stat_activity where pid = $1)"


async def _write_while_it_is_erased(service: Service, user: str, erasures: int) -> tuple[Counter[Any], set[int]]:
    """The answers to the writers, and to the erasures."""
    answers: Counter[Any] = Counter()
    erased: set[int] = set()
    headers = {"Authorization": f"Bearer {token_for(user)}"}
    async with httpx.AsyncClient(base_url=f"{service.url}/api/{user}/", headers=headers, timeout=30) as http:

        async def write(number: int) -> None:
            """Until it is refused: after that, no write of the same token may be accepted."""
            made: list[str] = []
            for turn in range(200):
                chance = random.Random(number * 1000 + turn)
                path = f"tasks/{chance.choice(made)}" if made else ""
                calls: list[tuple[str, str, Any]] = [("POST", "tasks", {"title": f"{turn}", "tags": [f"t{turn % 7}"]})]
                calls += [("PATCH", path, {"title": f"again {turn}"}), ("DELETE", path, None)] if path else []
                calls += [("PATCH", f"tags/t{turn % 7}", {"name": "t"})]
                method, path, body = chance.choice(calls)
                answer = await http.request(method, path, json=body)
                code = answer.json()["code"] if answer.status_code >= 400 else ""
                answers[answer.status_code, code] += 1
                if answer.status_code == 201:
                    made.append(answer.json()["id"])
                if code == "account_erased":
                    again = await http.post("tasks", json={"title": "Unsent"})
                    assert again.status_code == 403, again.text
                    return

        async def end() -> None:
            await anyio.sleep(0.3)
            answer = await http.request("DELETE", f"{service.url}/api/{user}", json={"confirm": user})
            erased.add(answer.status_code)

        async with anyio.create_task_group() as group:
            for number in range(WRITERS):
                group.start_soon(write, number)
            for _ in range(erasures):
                group.start_soon(end)
    return answers, erased


def test_an_erasure_beside_sixteen_writers_leaves_nothing(service: Service, database_url: str) -> None:
    for erasures in (1, 1, 4):
        user = fresh_user("ann")
        answers, erased = anyio.run(_write_while_it_is_erased, service, user, erasures)
        assert erased == {204}
        assert answers.keys() <= {(200, ""), (201, ""), (204, ""), (403, "account_erased")} | {
            (404, code) for code in ("task_not_found", "tag_not_found")
        }, answers
        assert answers[403, "account_erased"] == WRITERS, answers
        assert answers[201, ""] > 0
        assert found(database_url, user) == {"heads": 1}


async def _kill_erasures(url: str) -> Counter[str]:
    """Ends the connection of an erasure at a random moment. Returns how often all or nothing was left."""
    outcomes: Counter[str] = Counter()
    arguments = connect_arguments(url)
    observer = await asyncpg.connect(**arguments)
    try:
        usual = 0.0
        for turn in range(KILLS):
            user = fresh_user("ann")
            for statement in _FILL:
                await observer.execute(statement, user)
            victim = await asyncpg.connect(**arguments)
            if not turn:  # it is only measured
                began = time.monotonic()
                await _erase(victim, user)
                usual = time.monotonic() - began
                continue
            pid = victim.get_server_pid()
            async with anyio.create_task_group() as group:
                if turn == KILLS - 1:  # on a busy machine each of the others may come too early
                    await _erase(victim, user)
                else:
                    group.start_soon(_erase, victim, user)
                    await anyio.sleep(usual * 1.6 * turn / KILLS)
                await observer.execute("select pg_terminate_backend($1::integer)", pid)
            while await observer.fetchval(_RUNS, pid):  # noqa: ASYNC110 - PostgreSQL sets no event
                await anyio.sleep(0.01)
            tasks, changes, kept = await observer.fetchrow(_HELD, user)
            assert (tasks, changes, kept) in ((TASKS, 1, True), (0, 0, False)), (tasks, changes, kept)
            outcomes["all" if kept else "nothing"] += 1
    finally:
        await observer.close()
    return outcomes


async def _erase(connection: asyncpg.Connection, user: str) -> None:
    # The connection is lost before, during or after the call.
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await connection.fetch(f"select * from {SCHEMA}.erase_user($1, null, 7, 20000)", user)
    connection.terminate()


def test_a_lost_connection_leaves_all_or_nothing(database_url: str) -> None:
    outcomes = anyio.run(_kill_erasures, database_url)
    assert outcomes.total() == KILLS - 1
    assert outcomes.keys() == {"all", "nothing"}, outcomes


def test_an_erasure_whose_answer_was_lost_may_be_repeated(service: Service, database_url: str) -> None:
    """As the service does it: the function runs twice with one token."""
    with Person(service.url, fresh_user("ann")) as ann:
        ann.creates()
        run(database_url, f"select * from {SCHEMA}.erase_user('{ann.user_id}', now() - interval '1 minute', 7, 20000)")
        assert erase(ann).status_code == 204
        assert found(database_url, ann.user_id) == {"heads": 1}
