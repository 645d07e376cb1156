"""Random tasks and random queries: the list answers as the oracle in `oracle.py` does."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.features.tasks.oracle import SEARCH_WORDS, TEXT_WORDS, Query, listed
from tests.support.client import Json, Person, fresh_user
from tests.support.service import Service
from todo_api.db.url import connect_arguments

EXAMPLES = 50
QUERIES = 40
"""For the tasks of each example."""

_TAGS = ["a", "A", "b", "%", "ü"]
_DAYS = [date.min, date(2026, 2, 28), date(2026, 3, 1), date(2026, 12, 31), date.max]
_INSTANTS = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC), datetime.now(UTC)]
_COMPLETIONS = [  # The first and the last instant of a day in UTC, and the ones beside them.
    datetime(2026, 3, 1, tzinfo=UTC) - timedelta(microseconds=1),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 3, 2, tzinfo=UTC) - timedelta(microseconds=1),
    datetime(2026, 3, 2, tzinfo=UTC),
]
_COMPLETED_DAYS = [date.min, *(date(2026, 3, day) for day in (1, 2, 3)), date.max]
_SAME_INSTANTS = """
    update tasks set created_at = new.created_at, updated_at = new.updated_at,
        completed_at = case when tasks.completed_at is null then null else new.completed_at end
    from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
        as new (id, created_at, updated_at, completed_at)
    where user_id = $1 and tasks.id = new.id
"""

_texts = st.lists(st.sampled_from(sorted(TEXT_WORDS)), min_size=1, max_size=4).map(" ".join)
_tasks = st.fixed_dictionaries(
    {
        "title": _texts,
        "description": st.none() | _texts,
        "priority": st.sampled_from(["High", "Medium", "Low"]),
        "due_date": st.none() | st.sampled_from(_DAYS).map(str),
        "tags": st.lists(st.sampled_from(_TAGS), max_size=3, unique=True),
    }
)


def _random_query(chance: random.Random) -> Query:
    """Most parameters are left out, since each one makes the answer smaller."""

    def sometimes[T](values: list[T]) -> T | None:
        return chance.choice(values) if chance.random() < 0.25 else None

    # Many tasks have an n, so that a search for it finds more than one page.
    words = chance.choice([[], ["n"], chance.choices(sorted(SEARCH_WORDS), k=chance.choice([1, 1, 2, 3, 6]))])
    return Query(
        words=tuple(words),
        status=sometimes(["all", "pending", "completed"]),
        priority=sometimes(["all", "High", "Medium", "Low"]),
        tags=tuple(chance.sample(_TAGS, chance.choice([0, 0, 0, 1, 3]))),
        tags_match=sometimes(["any", "all"]),
        due_from=sometimes(_DAYS),
        due_to=sometimes(_DAYS),
        has_due_date=sometimes([True, False]),
        completed_from=sometimes(_COMPLETED_DAYS),
        completed_to=sometimes(_COMPLETED_DAYS),
        sort_by=chance.choice([None, "created_at", "updated_at", "title", "due_date", "priority"]),
        sort_direction=chance.choice([None, "asc", "desc"]),
    )


class Comparison:
    """Compares pages of the service with the oracle, and counts the pages."""

    def __init__(self, service: Service, runner: asyncio.Runner, connection: asyncpg.Connection) -> None:
        self.service = service
        self.runner = runner
        self.connection = connection
        self.compared = 0

    @contextmanager
    def somebody(self) -> Iterator[Person]:
        with Person(self.service.url, fresh_user("ann")) as person:
            yield person

    def create(self, person: Person, tasks: list[Json], chance: random.Random) -> list[Json]:
        """Creates the tasks and returns them as the service has them: some are completed, many share their instants."""
        created = [person.creates(**task) for task in tasks]
        for task in created:
            if chance.random() < 0.3:
                person.patch(f"tasks/{task['id']}/complete")
        ids = [UUID(task["id"]) for task in created]
        instants = [[chance.choice(some) for _ in ids] for some in (_INSTANTS, _INSTANTS, _COMPLETIONS)]
        self.runner.run(self.connection.execute(_SAME_INSTANTS, person.user_id, ids, *instants))
        return [person.sees(task["id"]) for task in created]

    def compare(self, person: Person, tasks: list[Json], chance: random.Random) -> None:
        query = _random_query(chance)
        expected = listed(query, tasks)
        limit, offset = chance.choice([1, 2, 3, 5, 100]), chance.choice([0, 0, 0, 1, 4, 100])
        parameters = query.parameters() | {"limit": str(limit)}
        page = self.page(person, parameters | {"offset": str(offset)})
        assert page["data"] == expected[offset : offset + limit], (query, limit, offset)
        assert (page["total"], page["limit"], page["offset"]) == (len(expected), limit, offset), query
        assert (page["next_cursor"] is None) == (offset + limit >= len(expected)), query
        seen = offset + limit
        while page["next_cursor"] is not None:
            with_total = chance.choice([None, "true", "true", "false"])
            more = {"cursor": page["next_cursor"]} | ({"with_total": with_total} if with_total else {})
            page = self.page(person, parameters | more)
            assert page["data"] == expected[seen : seen + limit], (query, limit, seen)
            assert page["total"] == (len(expected) if with_total == "true" else None)
            seen += limit
        assert seen >= len(expected)

    def page(self, person: Person, parameters: dict[str, str | list[str]]) -> Json:
        self.compared += 1
        answer = person.get("tasks", params=parameters)
        assert answer.status_code == 200, answer.text
        page: Json = answer.json()
        return page


def test_random_queries_over_random_tasks(service: Service, database_url: str) -> None:
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(**connect_arguments(database_url)))
        comparison = Comparison(service, runner, connection)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # The cases are small already; shrinking takes minutes.
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(tasks=st.lists(_tasks, min_size=3, max_size=14), seed=st.integers(0, 2**32))
        def case(tasks: list[Json], seed: int) -> None:
            chance = random.Random(seed)
            with comparison.somebody() as person:
                held = comparison.create(person, tasks, chance)
                for _ in range(QUERIES):
                    comparison.compare(person, held, chance)

        try:
            case()
        finally:
            runner.run(connection.close())
    assert comparison.compared > EXAMPLES * QUERIES / 2
