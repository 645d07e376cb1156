"""Batches of one user at once, and batches whose connection is killed."""

import asyncio
import random
import time
from collections import Counter
from typing import Any, Final

import anyio
import asyncpg
import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.concurrency.test_revisions import _LOG, _together
from tests.features.batch.test_batch import create, delete, update
from tests.features.changes.test_list import Device, held
from tests.support.client import Json, Person, fresh_user
from tests.support.service import Service
from todo_api.db.url import connect_arguments

TASKS = 12
TURNS = 10
KILLS: Final = 8
_BACKENDS: Final = "select pid from pg_stat_activity where query like '%batch_tasks%' and pid <> pg_backend_pid()"


def assert_the_log_fits(person: Person, url: str) -> None:
    (row,) = run(url, _LOG.format(person.user_id))
    assert (row["entries"], row["first"], row["last"]) == (row["head"], 1, row["head"])


def test_batches_over_the_same_tasks_in_opposite_order_wait_and_never_deadlock(
    service: Service, database_url: str
) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        tasks = [ann.creates(title="T", tags=["a"])["id"] for _ in range(TASKS)]
        device = Device(ann)
        device.sync()
        calls: list[tuple[str, str, Any]] = []
        for turn in range(TURNS):
            edits = [update(task, {"title": f"{turn}", "tags": [f"t{turn % 3}"]}) for task in tasks]
            calls += [("POST", "batch", {"operations": order}) for order in (edits, edits[::-1])]
            calls += [("PATCH", f"tasks/{tasks[turn]}", {"priority": "Low"}), ("PATCH", "tags/t1", {"name": "t2"})]
        answers = anyio.run(_together, service, ann.user_id, *calls)
        batches = [answer for answer in answers if answer.url.path.endswith("/batch")]
        assert Counter(answer.status_code for answer in batches) == {200: 2 * TURNS}
        now = held(ann)
        assert len({task["title"] for task in now.values()}) == 1, "the last batch was made as a whole"
        device.sync()
        assert device.tasks == now
        assert_the_log_fits(ann, database_url)


async def _send_and_kill(service: Service, url: str, user: str, bodies: list[Json]) -> list[httpx.Response]:
    """Sends the batches one after another, and kills their connections to PostgreSQL at random moments."""
    chance = random.Random(7)
    killer = await asyncpg.connect(**connect_arguments(url))
    killed = 0

    async def kill() -> None:
        nonlocal killed
        while killed < KILLS:
            await asyncio.sleep(chance.uniform(0.005, 0.25))
            for row in await killer.fetch(_BACKENDS + " and state = 'active'"):
                killed += await killer.fetchval("select pg_terminate_backend($1::integer)", row["pid"])

    answers: list[httpx.Response] = []
    headers = dict(Person(service.url, user).headers)
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=30) as http:
        killing = asyncio.create_task(kill())
        for body in bodies:
            answers.append(await http.post(f"/api/{user}/batch", json=body))
            if killing.done() and answers[-1].status_code == 200:
                break
        if killing.done():
            killing.result()
        killing.cancel()
    await killer.close()
    assert killed, "nothing was killed"
    return answers


@pytest.mark.parametrize("atomic", [True, False])
def test_a_batch_that_is_killed_is_made_as_a_whole_or_not_at_all(
    service: Service, database_url: str, atomic: bool
) -> None:
    """Also one that is not atomic: it is one transaction. A `batch` of the log is complete or missing."""
    size = 60
    with Person(service.url, fresh_user("ann")) as ann:
        bodies: list[Json] = [
            {
                "operations": [create(title=f"{turn}", tags=["a", f"t{place}"]) for place in range(size)],
                "atomic": atomic,
            }
            for turn in range(60)
        ]
        answers = asyncio.run(_send_and_kill(service, database_url, ann.user_id, bodies))
        rows = run(
            database_url,
            f"select title, count(*) from tasks where user_id = '{ann.user_id}' group by title order by title",
        )
        assert {row["count"] for row in rows} <= {size}
        acknowledged = {str(turn) for turn, answer in enumerate(answers) if answer.status_code == 200}
        assert acknowledged <= {row["title"] for row in rows}
        assert {answer.json()["code"] for answer in answers if answer.status_code != 200} <= {
            "outcome_unknown",
            "database_unavailable",
        }
        batches = run(database_url, f"select count(*) from changes where user_id = '{ann.user_id}' group by batch")
        assert {row["count"] for row in batches} <= {size}
        assert_the_log_fits(ann, database_url)


def test_a_batch_under_a_key_that_is_killed_is_made_once(service: Service, database_url: str) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        body: Json = {"operations": [create(title=f"{place}", tags=["a"]) for place in range(60)]}

        async def send() -> None:
            killer = await asyncpg.connect(**connect_arguments(database_url))
            async with httpx.AsyncClient(base_url=service.url, headers=dict(ann.headers), timeout=30) as http:
                deadline = time.monotonic() + 60
                for turn in range(10):
                    headers = {"Idempotency-Key": f"{turn}"}
                    answer = asyncio.create_task(http.post(f"/api/{ann.user_id}/batch", json=body, headers=headers))
                    await asyncio.sleep(0.01 * turn)
                    for row in await killer.fetch(_BACKENDS + " and state = 'active'"):
                        await killer.fetchval("select pg_terminate_backend($1::integer)", row["pid"])
                    first = await answer
                    again = await http.post(f"/api/{ann.user_id}/batch", json=body, headers=headers)
                    while again.status_code == 503 and time.monotonic() < deadline:
                        # The node of a cluster may still carry out the killed one, and holds the head.
                        again = await http.post(f"/api/{ann.user_id}/batch", json=body, headers=headers)
                    assert again.status_code == 200, again.text
                    assert first.status_code == 503 or first.content == again.content
            await killer.close()

        asyncio.run(send())
        (row,) = run(database_url, f"select count(*) from tasks where user_id = '{ann.user_id}'")
        assert row["count"] == 600
        assert_the_log_fits(ann, database_url)


def test_a_delete_of_the_task_that_another_batch_changes_is_in_one_order(service: Service, database_url: str) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        tasks = [ann.creates()["id"] for _ in range(TASKS)]
        calls: list[tuple[str, str, Any]] = []
        for task, other in zip(tasks, [*tasks[1:], tasks[0]], strict=True):
            calls.append(("POST", "batch", {"operations": [update(other, {"title": "New"}), delete(task)]}))
        answers = anyio.run(_together, service, ann.user_id, *calls)
        done = [answer for answer in answers if answer.status_code == 200]
        assert {answer.status_code for answer in answers} <= {200, 409}
        assert len(held(ann)) == TASKS - len(done)
        assert_the_log_fits(ann, database_url)
