"""The rows of the list benchmark: users with few and with many tasks, and other users beside them."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from todo_api.db.casefold import fold, fold_title

SIZES = (100, 10_000, 100_000)
"""Tasks of the users that are measured; the user's id is `user` and the size."""
NEIGHBOURS = 200
"""Other users, with 200 tasks each."""
TAGS = [f"tag{number:02}" for number in range(100)]
WORDS = """
milk bread groceries call mum report quarterly invoice garden fence paint buy clean kitchen plan holiday book flight
hotel dentist appointment water plants email boss review code deploy server backup photos read chapter write letter
school run shoes order gift birthday pay rent renew passport car service tyres check oil windows repair bike cook
dinner friends walk dog train marathon stretch
""".split()  # noqa: SIM905 - one list item a line would be a page


def tasks_of(user: str, count: int, chance: random.Random) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    tasks, links = [], []
    for number in range(count):
        id_ = UUID(int=chance.getrandbits(128), version=4)
        title = f"{' '.join(chance.choices(WORDS, k=5)).capitalize()} {number}"
        description = " ".join(chance.choices(WORDS, k=18)).capitalize() if number % 2 else None
        created = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        due = date(2026, 1, 1) + timedelta(days=chance.randrange(365)) if number % 3 else None
        done = created if chance.random() < 0.5 else None
        folded = (fold_title(title), fold(description or ""))
        updated = created + timedelta(seconds=chance.randrange(100_000))
        tasks.append((user, id_, title, description, chance.randint(1, 3), due, done, created, updated, *folded))
        links += [(user, id_, tag) for tag in chance.sample(TAGS, 2)]
    return tasks, links


async def seed(connection: asyncpg.Connection) -> None:
    chance = random.Random(20261120)
    columns = "user_id id title description priority due_date completed_at created_at updated_at title_folded"
    users = {f"neighbour{number}": 200 for number in range(NEIGHBOURS)} | {f"user{size}": size for size in SIZES}
    for user, count in users.items():
        tasks, links = tasks_of(user, count, chance)
        await connection.copy_records_to_table("tasks", records=tasks, columns=[*columns.split(), "description_folded"])
        await connection.copy_records_to_table(
            "tags", records=[(user, tag, fold(tag)) for tag in TAGS], columns=["user_id", "name", "name_folded"]
        )
        await connection.copy_records_to_table("task_tags", records=links, columns=["user_id", "task_id", "tag"])
    await connection.execute(
        "insert into heads (user_id, revision, made_at, tasks, pending) select user_id, 0, now() - interval '1 day',"
        " count(*), count(*) - count(completed_at) from tasks group by user_id"
    )
    await connection.execute("vacuum analyze")
