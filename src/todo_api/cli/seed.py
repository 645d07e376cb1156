"""Realistic tasks in any number, for load tests and for large lists."""

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import batched
from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from todo_api.db.casefold import fold, fold_title
from todo_api.db.url import connect_arguments

_USERS_AT_A_TIME: Final = 25
_CONNECTIONS: Final = 2
_BEGINNING: Final = datetime(2025, 1, 1, tzinfo=UTC)
_DAYS: Final = 600
_DONE: Final = 0.4
_DATED: Final = 0.6
_DESCRIBED: Final = 0.5
_TAGS_OF_A_TASK: Final = (0, 1, 1, 1, 2, 2, 3)

_TEXTS: Final = (
    ("Call", "Buy", "Write to", "Check", "Repair", "Plan", "Cancel", "Pay"),
    ("the groceries", "the landlord", "the invoice", "a birthday present", "the bicycle", "the report", "flights"),
    ("Prüfe", "Kaufe", "Schreibe", "Übergib"),
    ("die Rechnung", "Äpfel und Brötchen", "das Straßenfest", "den Bericht"),
    ("Acheter", "Vérifier", "Écrire à"),
    ("la boulangère", "le congélateur", "un cadeau d'été"),
    ("Öde", "İncele", "Ara"),
    ("ısıtma faturası", "İstanbul bileti", "doktoru"),
    ("Позвонить", "Купить", "Проверить"),
    ("врачу", "продукты", "отчёт"),
    ("買う", "電話する", "確認する"),
    ("牛乳", "歯医者", "予約 🦷"),
    ("اتصل بـ", "اشترِ"),
    ("الطبيب", "الخبز"),
)
_TAGS: Final = (
    "home", "work", "shopping", "errands", "family", "health", "finance", "garden", "reading", "später", "école", "İş",
    "дом", "買い物", "مهم", "🎉 fun", "waiting", "phone", "computer", "travel", "ideas", "urgent", "someday", "weekly",
)  # fmt: skip


class Row(NamedTuple):
    """A task in the order of the copied columns, without `user_id`."""

    id: UUID
    title: str
    description: str | None
    priority: int
    due_date: date | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int
    title_folded: str
    description_folded: str
    tags: list[str]


# All tasks are made from a few texts, so most results are cached.
_fold: Final = cache(fold)
_fold_title: Final = cache(fold_title)
_ADD_TAGS: Final = """
    insert into tags (user_id, name, name_folded) select $1, * from unnest($2::text[], $3::text[])
    on conflict (user_id, name) do update set name_folded = excluded.name_folded
"""
"""The update locks a tag that the user has: without the lock it could be removed before its links are added."""
_RAISE_HEAD: Final = """
    insert into heads (user_id, revision, made_at, tasks, pending)
    select $1, 0, now() - interval '1 day', count(*) + $2::integer, count(*) - count(completed_at) + $3::integer
    from tasks where user_id = $1
    on conflict (user_id) do update
    set revision = heads.revision + 1, tasks = heads.tasks + $2, pending = heads.pending + $3
    returning revision
"""
"""Locks the head row, as every write does. A new one is a day old, so lists have the ETags and totals of later days."""
_COLUMNS: Final = ("user_id", "revision", *Row._fields[:-1])


def seed_user(number: int, seed: int) -> str:
    """The id of the `number`th seeded user, from 0."""
    return f"seed{seed}-{number:06}"


def rows_of(user: int | str, tasks: int, seed: int) -> Iterator[Row]:
    """The tasks of one user, by number or id. The same arguments give the same rows, independent of other users."""
    chance = Random(f"{seed}/{user}")  # noqa: S311 - it makes tasks, not keys
    random = chance.random
    for _ in range(tasks):
        created = _BEGINNING + timedelta(seconds=int(random() * _DAYS * 86400), microseconds=int(random() * 1e6))
        completed = created + timedelta(hours=1 + 200 * random()) if random() < _DONE else None
        language = 2 * int(random() ** 2 * len(_TEXTS) / 2)
        verbs, things = _TEXTS[language], _TEXTS[language + 1]
        title = f"{verbs[int(random() * len(verbs))]} {things[int(random() * len(things))]}"
        description = f"{title}, {things[int(random() * len(things))]}" if random() < _DESCRIBED else None
        yield Row(
            id=UUID(int=chance.getrandbits(128), version=4),
            title=title,
            description=description,
            priority=1 + int(random() * 3),
            due_date=created.date() + timedelta(days=int(90 * random())) if random() < _DATED else None,
            completed_at=completed,
            created_at=created,
            updated_at=completed or created,
            version=1 if completed is None else 2,
            title_folded=_fold_title(title),
            description_folded=_fold(description or ""),
            tags=sorted(set(chance.choices(_TAGS, k=_TAGS_OF_A_TASK[int(random() * len(_TAGS_OF_A_TASK))]))),
        )


async def seed_database(url: str, *, users: int | str, tasks: int, seed: int, done: Callable[[int], Any]) -> None:
    """Copies `tasks` tasks for each of `users` new users, or for the one user with this id, who may have other tasks.

    Calls `done` with the number of tasks added since the last call.

    Raises:
        asyncpg.UniqueViolationError: tasks of these users exist.
    """
    keys: Iterable[int | str] = [users] if isinstance(users, str) else range(users)
    people = ((key, key if isinstance(key, str) else seed_user(key, seed)) for key in keys)
    batches = batched(people, max(1, math.ceil(_USERS_AT_A_TIME * min(1, 200 / tasks))), strict=False)
    async with asyncpg.create_pool(**connect_arguments(url), min_size=0, max_size=_CONNECTIONS) as pool:

        async def copy() -> None:
            async with pool.acquire() as connection:
                for batch in batches:
                    async with connection.transaction():
                        for key, user in batch:
                            await _copy_user(connection, user, list(rows_of(key, tasks, seed)))
                            done(tasks)

        async with asyncio.TaskGroup() as group:
            for _ in range(_CONNECTIONS):
                group.create_task(copy())
        await pool.execute("analyze tasks, tags, task_tags, heads")


async def _copy_user(connection: Any, user: str, rows: list[Row]) -> None:
    names = sorted({tag for row in rows for tag in row.tags})
    pending = sum(row.completed_at is None for row in rows)
    revision = await connection.fetchval(_RAISE_HEAD, user, len(rows), pending)
    tasks = [(user, revision, *row[:-1]) for row in rows]
    await connection.copy_records_to_table("tasks", columns=_COLUMNS, records=tasks)
    await connection.execute(_ADD_TAGS, user, names, [_fold(name) for name in names])
    links = [(user, row.id, tag) for row in rows for tag in row.tags]
    await connection.copy_records_to_table("task_tags", columns=("user_id", "task_id", "tag"), records=links)
