"""15 seconds of all operations at once. Afterwards the database holds what the last answers say."""

import random
import time
from itertools import batched

import anyio
import asyncpg
import httpx

from tests.support.client import Json, fresh_user, token_for
from tests.support.service import Service
from todo_api.db.url import connect_arguments

CLIENTS = 32
USERS = 8
SECONDS = 15
FEWEST = 100
"""Requests in that time."""

_CONTENT = """
    select id::text, title, description, priority, due_date::text, completed_at is not null as completed, version,
           array(select tag from task_tags l where l.user_id = t.user_id and l.task_id = t.id order by tag) as tags
    from tasks t where user_id = any($1)
"""


class NewestAnswers:
    """The newest answer about each task; None after it was deleted."""

    def __init__(self) -> None:
        self.tasks: dict[str, Json | None] = {}
        self.requests = 0

    def change(self, task: Json) -> None:
        known = self.tasks.get(task["id"], {"version": 0})
        if known is not None and task["version"] >= known["version"]:
            self.tasks[task["id"]] = task


async def client(http: httpx.AsyncClient, user: str, newest: NewestAnswers, end: float, seed: int) -> None:
    chance = random.Random(seed)
    base, headers = f"/api/{user}", {"Authorization": f"Bearer {token_for(user)}"}
    ids: list[str] = []
    while time.monotonic() < end:
        newest.requests += 1
        tags = chance.sample(["home", "work", "errand", "é", "a b"], chance.randint(0, 3))
        task_id = chance.choice(ids) if ids else None
        match chance.randrange(8) if task_id else 0:
            case 0 | 1:
                body = {"title": f"task {seed} {newest.requests}", "tags": tags, "priority": "High"}
                answer = await http.post(f"{base}/tasks", json=body, headers=headers)
                assert answer.status_code == 201, answer.text
                ids.append(answer.json()["id"])
                newest.change(answer.json())
            case 2 | 3:
                method = chance.choice(["PUT", "PATCH"])
                body = {"title": f"changed {newest.requests}", "tags": tags, "due_date": "2026-12-31"}
                answer = await http.request(method, f"{base}/tasks/{task_id}", json=body, headers=headers)
                assert answer.status_code == 200, answer.text
                newest.change(answer.json())
            case 4:
                answer = await http.patch(f"{base}/tasks/{task_id}/complete", headers=headers)
                assert answer.status_code == 200, answer.text
                newest.change(answer.json())
            case 5:
                answer = await http.get(f"{base}/tasks/{task_id}", headers=headers)
                assert answer.json() == newest.tasks[task_id or ""]
            case 6:
                path = chance.choice(["tasks", "tasks?limit=7&offset=3", "tags"])
                answer = await http.get(f"{base}/{path}", headers=headers)
                assert answer.status_code == 200, answer.text
            case 7:
                answer = await http.delete(f"{base}/tasks/{task_id}", headers=headers)
                assert answer.status_code == 204, answer.text
                ids.remove(task_id or "")
                newest.tasks[task_id or ""] = None


async def content(url: str, users: list[str]) -> dict[str, Json]:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        rows = await connection.fetch(_CONTENT, users)
    finally:
        await connection.close()
    return {row["id"]: dict(row) | {"priority": [None, "High", "Medium", "Low"][row["priority"]]} for row in rows}


async def run(service: Service, database_url: str) -> None:
    users = [fresh_user(f"user{number}") for number in range(USERS)]
    newest = NewestAnswers()
    end = time.monotonic() + SECONDS
    limits = httpx.Limits(max_connections=CLIENTS)
    async with (
        httpx.AsyncClient(base_url=service.url, limits=limits, timeout=30) as http,
        anyio.create_task_group() as clients,
    ):
        for user, seeds in zip(users, batched(range(CLIENTS), CLIENTS // USERS, strict=True), strict=True):
            for seed in seeds:
                clients.start_soon(client, http, user, newest, end, seed)
    kept = await content(database_url, users)
    expected = {task_id: task for task_id, task in newest.tasks.items() if task is not None}
    assert kept.keys() == expected.keys()
    for task_id, row in kept.items():
        assert row == {name: expected[task_id][name] for name in row}
    assert newest.requests > FEWEST


def test_the_database_holds_what_the_last_answers_say(service: Service, database_url: str) -> None:
    anyio.run(run, service, database_url)
    assert 'File "' not in service.log.read_text()
