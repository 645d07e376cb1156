"""The repositories are advanced-alchemy's: every inherited method works, in one round trip, for its user alone."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from advanced_alchemy.exceptions import NotFoundError
from advanced_alchemy.repository import SQLAlchemyAsyncQueryRepository
from sqlalchemy import Select, bindparam, exists, func, literal_column, select, update  # noqa: TID251 - refused here

from tests.support.client import fresh_user
from tests.support.counting_proxy import CountingProxy
from todo_api.db.database import Database
from todo_api.db.owned import ME, TAGS, TASK_TAGS, TASKS, OwnedRepository, select_from, select_owned
from todo_api.db.session import UnownedStatement, UserSession
from todo_api.db.statement import Statement
from todo_api.features.tasks.columns import tags_of
from todo_api.features.tasks.repository import TaskRepository
from todo_api.features.tasks.structs import TaskCreate

TITLES: Final = select_owned(TASKS, TASKS.c.title).order_by(TASKS.c.title)
ANN, BOB = ["bread", "milk"], ["secret"]

Call = Callable[[OwnedRepository], Awaitable[Any]]
IN_ONE_ROUND_TRIP: Final[dict[str, tuple[Call, Any, Any]]] = {
    "get_one": (lambda rows: rows.get_one(TITLES.limit(1)), ANN[0], BOB[0]),
    "get_one_or_none": (lambda rows: rows.get_one_or_none(TITLES, title="milk"), "milk", None),
    "count": (lambda rows: rows.count(TITLES), 2, 1),
    "get_many": (lambda rows: rows.get_many(TITLES), [(title,) for title in ANN], [(title,) for title in BOB]),
    "list": (lambda rows: rows.list(TITLES), [(title,) for title in ANN], [(title,) for title in BOB]),
    "get_many_and_count": (lambda rows: rows.get_many_and_count(TITLES), (ANN, 2), (BOB, 1)),
    "list_and_count": (lambda rows: rows.list_and_count(TITLES), (ANN, 2), (BOB, 1)),
    "execute": (lambda rows: titles(rows, TITLES), ANN, BOB),
}
"""Each inherited method: a call, what ann gets, what bob gets."""
WITHOUT_A_STATEMENT: Final = {"check_not_found"}
DEPRECATED: Final = {"list", "list_and_count"}


async def titles(rows: OwnedRepository, statement: Select[Any]) -> list[str]:
    return list((await rows.execute(statement)).scalars())


@pytest.fixture(scope="module")
def wire(database_url: str) -> Iterator[CountingProxy]:
    with CountingProxy(database_url) as wire:
        yield wire


@asynccontextmanager
async def ann_and_bob(wire: CountingProxy) -> AsyncIterator[tuple[OwnedRepository, OwnedRepository]]:
    """Two users with tasks and tags, over one connection that has seen each type of a column."""
    database = Database(wire.url, pool_size=1, max_overflow=0)
    await database.open()
    try:
        # The queries that the start sends must not count.
        await database.health.check()
        await database.schema.check()
        sessions = [UserSession(database, fresh_user(name)) for name in ("ann", "bob")]
        for session, its_titles in zip(sessions, (ANN, BOB), strict=True):
            for title in its_titles:
                await TaskRepository(session).create(TaskCreate(title=title, tags=[f"tag of {title}"]))
        ann, bob = map(OwnedRepository, sessions)
        yield ann, bob
    finally:
        await database.close()


def test_every_inherited_method_is_called_here() -> None:
    methods = inspect.getmembers(SQLAlchemyAsyncQueryRepository, inspect.isroutine)
    public = {name for name, _ in methods if not name.startswith("_")}
    assert public == IN_ONE_ROUND_TRIP.keys() | WITHOUT_A_STATEMENT
    # The public methods call the private ones, except the two statements of the test below.
    assert {name for name, _ in methods if name.startswith("_") and not name.startswith("__")} == {
        "_filter_statement_by_kwargs",
        "_get_count_stmt",
        "_get_many_and_count_basic",
        "_get_many_and_count_window",
    }


@pytest.mark.parametrize("name", IN_ONE_ROUND_TRIP)
def test_an_inherited_method_serves_its_user_alone_in_one_round_trip(wire: CountingProxy, name: str) -> None:
    call, for_ann, for_bob = IN_ONE_ROUND_TRIP[name]

    async def both() -> None:
        async with ann_and_bob(wire) as (ann, bob):
            await call(ann)  # the driver prepares the statement, once for each connection
            before = wire.round_trips
            assert await call(ann) == for_ann
            assert await call(bob) == for_bob
            assert wire.round_trips - before == 2

    if name in DEPRECATED:
        with pytest.warns(DeprecationWarning, match=rf"'{name}'"):
            asyncio.run(both())
    else:
        asyncio.run(both())


def test_two_statements_are_sent_only_if_the_caller_says_so(wire: CountingProxy) -> None:
    async def two() -> None:
        async with ann_and_bob(wire) as (ann, bob):
            answers: list[Any] = []
            for rows in (ann, bob):
                before = wire.round_trips
                answers.append(await rows.get_many_and_count(TITLES, count_with_window_function=True))
            assert answers == [(ANN, 2), (BOB, 1)]
            assert wire.round_trips - before == 2

    asyncio.run(two())


def test_a_row_of_somebody_else_does_not_exist(wire: CountingProxy) -> None:
    async def story() -> None:
        async with ann_and_bob(wire) as (ann, bob):
            secret = await bob.get_one(select_owned(TASKS, TASKS.c.id))
            by_id = select_owned(TASKS, TASKS.c.id).where(TASKS.c.id == secret)
            assert await bob.get_one(by_id) == secret
            assert await ann.get_one_or_none(by_id) is None
            assert await ann.count(TITLES, user_id=bob.me) == 0
            with pytest.raises(NotFoundError):
                await ann.get_one(by_id)

    asyncio.run(story())


def test_the_caller_cannot_bind_another_user(wire: CountingProxy) -> None:
    async def story() -> None:
        async with ann_and_bob(wire) as (ann, bob):
            assert list((await ann.session.execute(TITLES, {"me": bob.me})).scalars()) == ANN
            claimed = TITLES.where(TASKS.c.user_id == bindparam("me", bob.me, unique=False))
            assert await titles(ann, claimed) == ANN
            assert len(await ann.fetch(Statement(TITLES), me=bob.me)) == len(ANN)

    asyncio.run(story())


def test_lists_subqueries_and_limits_work(wire: CountingProxy) -> None:
    tagged = select_owned(TASK_TAGS, TASK_TAGS.c.task_id).where(TASK_TAGS.c.tag.in_(["tag of milk", "tag of secret"]))
    statement = select_owned(TASKS, TASKS.c.title, tags_of(TASKS).label("tags")).where(TASKS.c.id.in_(tagged)).limit(5)

    async def story() -> None:
        async with ann_and_bob(wire) as (ann, bob):
            (row,) = await ann.get_many(statement)
            assert (row.title, row.tags) == ("milk", ["tag of milk"])
            assert [row.title for row in await bob.get_many(statement)] == ["secret"]
            assert await ann.get_many(statement.where(TASKS.c.title == "no such")) == []

    asyncio.run(story())


OTHERS: Final = TASKS.alias("others")
UNOWNED: Final[dict[str, Any]] = {
    "a table without its user": select(TASKS.c.title),
    "the user written as a constant": select(TASKS.c.title).where(TASKS.c.user_id == "bob"),
    "a second table without its user": TITLES.join_from(TASKS, TAGS, literal_column("true")),
    "a column of a second table": TITLES.add_columns(TAGS.c.name),
    "the same table again under another name": TITLES.join_from(TASKS, OTHERS, TASKS.c.id != OTHERS.c.id),
    "a subquery without its user": TITLES.where(exists(select(TAGS.c.name).where(TAGS.c.name == "x"))),
    "one part of a union": select_owned(TASKS, TASKS.c.title).union_all(select(TAGS.c.name)),
    "no table at all": select(func.now()),
    "a write": update(TASKS).where(TASKS.c.user_id == ME).values(title="x"),
    "a write inside of a select": TITLES.add_cte(
        update(TASKS).where(TASKS.c.user_id == ME).values(title="x").cte("changed")
    ),
}


@pytest.mark.parametrize("name", UNOWNED)
def test_a_statement_that_is_not_owned_is_refused_before_it_is_sent(wire: CountingProxy, name: str) -> None:
    async def refused() -> None:
        async with ann_and_bob(wire) as (ann, _):
            before = wire.round_trips
            with pytest.raises(UnownedStatement):
                await ann.execute(UNOWNED[name])
            assert wire.round_trips == before

    asyncio.run(refused())


def test_a_compiled_statement_without_a_user_is_refused_too(wire: CountingProxy) -> None:
    nobodys = Statement(select(TASKS.c.title))

    async def refused() -> None:
        async with ann_and_bob(wire) as (ann, _):
            before = wire.round_trips
            with pytest.raises(UnownedStatement):
                await ann.fetch(nobodys)
            assert wire.round_trips == before

    asyncio.run(refused())


def test_rows_are_not_selected_from_a_table_of_all_users() -> None:
    with pytest.raises(TypeError, match="select_owned"):
        select_from(TASKS)
