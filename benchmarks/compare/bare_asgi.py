"""The floor of the comparison: a bare ASGI app on the same SQL, without framework, token or checks.

It is the lower bound of the CPU time that a service with these statements needs.
"""

import os
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from todo_api.db.casefold import fold
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments
from todo_api.features.tags import repository as tags
from todo_api.features.tags.structs import TagWithUsage
from todo_api.features.tasks import reads
from todo_api.features.tasks import repository as tasks
from todo_api.features.tasks.list_statements import Shape, statement
from todo_api.features.tasks.structs import Task, TaskCreate, TaskPage, TaskUpdate

_encode = msgspec.json.Encoder().encode
_create = msgspec.json.Decoder(TaskCreate).decode
_update = msgspec.json.Decoder(TaskUpdate).decode
FIRST_PAGE = Shape(filters=frozenset(), sort_by="created_at", descending=True, start="first", counts=True)
ALL_TAGS = {"first": "", "last": "\U0010ffff" * 50, "limit": 1000}
ISSUED = datetime.now(UTC)
LIMITS = {"issued": ISSUED, "most": 100_000, "kept_days": [30, 30]}


async def _leave_as_it_is(_: Any) -> None:
    pass


class Floor:
    pool: asyncpg.Pool

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        _, _, user, what, *rest = scope["path"].split("/")
        status, body = await self.answer(scope["method"], user, what, rest, receive)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
            }
        )
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def live(self, receive: Any, send: Any) -> None:
        await receive()
        self.pool = await asyncpg.create_pool(
            **connect_arguments(os.environ["DATABASE_URL"]), min_size=0, max_size=15, reset=_leave_as_it_is
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def fetch(self, statement: Statement, **values: Any) -> list[asyncpg.Record]:
        async with self.pool.acquire() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(statement.sql, *[values[n] for n in statement.names])
            return rows

    async def answer(self, method: str, user: str, what: str, rest: list[str], receive: Any) -> tuple[int, bytes]:
        if what == "tags":
            rows = await self.fetch(tags._LIST, me=user, known=(), **ALL_TAGS)
            return 200, _encode([TagWithUsage(*row[:-1]) for row in rows])
        if not rest and method == "GET":
            rows = await self.fetch(statement(FIRST_PAGE), me=user, known=(), limit=51)
            return 200, _encode(TaskPage([Task(*row[:-2]) for row in rows[:50]], rows[0][-2], 50, 0, None))
        if not rest:
            task = _create((await receive())["body"])
            sent = {name: getattr(task, name) for name in ("title", "description", "priority", "due_date")}
            arguments = {
                "new_id": uuid4(),
                "own_id": False,
                "sent": tasks._columns(sent),
                "key_sent": None,
                "print": None,
            }
            rows = await self.fetch(tasks.CREATE, me=user, **arguments, **_tags(task.tags), **LIMITS)
            return 201, _encode(Task(*rows[0][3:]))
        task_id = UUID(rest[0])
        if method == "GET":
            return 200, _encode(Task(*(await self.fetch(reads.GET, me=user, id=task_id))[0]))
        values = {"toggle": True} if len(rest) == 2 else _update((await receive())["body"]).sent()
        names = _tags(values.pop("tags", None))
        sent = tasks._columns(values)
        change = {"which": task_id, "sent": sent, "versions_sent": None, "merge": False}
        rows = await self.fetch(tasks.CHANGE, me=user, **change, **names, **LIMITS)
        return 200, _encode(Task(*rows[0][3:]))


def _tags(names: list[str] | None) -> dict[str, list[str] | None]:
    return {"names": names, "folded": None if names is None else [fold(name) for name in names]}


app = Floor()
