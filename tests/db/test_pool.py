"""The pool gives each connection to one caller at a time, loses none, and replaces closed ones."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import pytest
from sqlalchemy import text  # noqa: TID251 - it reads no table

from todo_api.db.connection import Connection
from todo_api.db.database import Database
from todo_api.db.pool import Pool, PoolExhausted
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments

Connect = Callable[[], Awaitable[Connection]]


def soon() -> float:
    return asyncio.get_running_loop().time() + 5


def connecting_to(url: str) -> Connect:
    return partial(asyncpg.connect, **connect_arguments(url), connection_class=Connection)


@pytest.fixture
def connect(database_url: str) -> Connect:
    return connecting_to(database_url)


def test_the_longest_waiting_caller_is_next_and_a_cancelled_one_is_skipped(connect: Connect) -> None:
    async def story() -> None:
        pool = Pool(connect, 1)
        only = await pool.acquire(soon())
        first, second, third = (asyncio.create_task(pool.acquire(soon())) for _ in range(3))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        pool.release(only)
        assert await second is only
        assert not third.done()
        pool.release(only)
        assert await third is only
        pool.release(only)
        assert (pool.made, pool.idle) == (1, 1)
        await pool.close(1)

    asyncio.run(story())


def test_a_connection_that_arrives_together_with_a_cancellation_is_not_lost(connect: Connect) -> None:
    async def story() -> None:
        pool = Pool(connect, 1)
        only = await pool.acquire(soon())
        first, second = (asyncio.create_task(pool.acquire(soon())) for _ in range(2))
        await asyncio.sleep(0)
        pool.release(only)
        first.cancel()
        assert await second is only
        with pytest.raises(asyncio.CancelledError):
            await first
        pool.release(only)
        await pool.close(1)

    asyncio.run(story())


def test_nobody_waits_beyond_the_deadline(connect: Connect) -> None:
    async def story() -> None:
        pool = Pool(connect, 1)
        only = await pool.acquire(soon())
        with pytest.raises(PoolExhausted):
            await pool.acquire(asyncio.get_running_loop().time() + 0.01)
        pool.release(only)
        assert await pool.acquire(soon()) is only
        pool.release(only)
        await pool.close(1)

    asyncio.run(story())


def test_a_failure_to_connect_is_not_reported_as_an_exhausted_pool() -> None:
    async def never() -> Connection:
        await asyncio.Event().wait()
        raise AssertionError

    async def story() -> None:
        pool = Pool(never, 1)
        deadline = asyncio.get_running_loop().time() + 0.05
        both = await asyncio.gather(*(pool.acquire(deadline + more) for more in (0, 0.05)), return_exceptions=True)
        assert [type(error) for error in both] == [TimeoutError, TimeoutError]
        assert (pool.made, pool.idle) == (0, 0)

    asyncio.run(story())


def test_a_caller_that_is_cancelled_while_connecting_frees_its_slot(connect: Connect) -> None:
    async def story() -> None:
        pool = Pool(connect, 1)
        first, second = (asyncio.create_task(pool.acquire(soon())) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        pool.release(await second)
        assert (pool.made, pool.idle) == (1, 1)
        await pool.close(1)

    asyncio.run(story())


def test_the_slot_of_a_connection_that_closed_or_failed_to_open_goes_to_a_waiting_caller(connect: Connect) -> None:
    async def story() -> None:
        failures = [OSError("unreachable"), None, None]

        async def sometimes() -> Connection:
            await asyncio.sleep(0.01)
            if failure := failures.pop(0):
                raise failure
            return await connect()

        pool = Pool(sometimes, 1)
        unlucky, waiting = (asyncio.create_task(pool.acquire(soon())) for _ in range(2))
        with pytest.raises(OSError, match="unreachable"):
            await unlucky
        made = await waiting
        next_one = asyncio.create_task(pool.acquire(soon()))
        await asyncio.sleep(0)
        made.terminate()
        pool.release(made)
        another = await next_one
        assert another is not made
        pool.release(another)
        assert (pool.made, pool.idle) == (1, 1)
        await pool.close(1)
        assert (pool.made, pool.idle) == (0, 0)

    asyncio.run(story())


def test_an_idle_connection_is_closed_and_a_closed_one_is_forgotten(connect: Connect) -> None:
    async def story() -> None:
        pool = Pool(connect, 2)
        for connection in [await pool.acquire(soon()), await pool.acquire(soon())]:
            pool.release(connection)
        assert (pool.made, pool.idle) == (2, 2)
        pool.close_idle(60)
        assert pool.idle == 2
        newest = await pool.acquire(soon())
        pool.close_idle(-1)
        assert (pool.made, pool.idle) == (1, 0)
        pool.release(newest)
        newest.terminate()
        pool.discard(newest)
        assert (pool.made, pool.idle) == (0, 0)

    asyncio.run(story())


def test_a_connection_in_use_when_the_pool_closes_is_closed_when_it_is_released(connect: Connect) -> None:
    async def story() -> None:
        pool = Pool(connect, 2)
        used = await pool.acquire(soon())
        await pool.close(1)
        assert not used.is_closed()
        pool.release(used)
        assert used.is_closed()
        assert pool.made == 0

    asyncio.run(story())


@pytest.mark.parametrize("delay", [0, 0.001, 0.1])
def test_a_database_that_is_closed_in_the_middle_of_statements_leaves_no_connection(
    database_url: str, delay: float
) -> None:
    asleep = Statement(text("select pg_sleep(60)"))

    async def story() -> None:
        database = Database(database_url, pool_size=3, max_overflow=0)
        await database.open()
        statements = [asyncio.create_task(database.fetch(asleep, {})) for _ in range(3)]
        while database.connections()[0] < 3:  # noqa: ASYNC110 - the pool sets no event
            await asyncio.sleep(0.01)
        statements[0].cancel()
        await asyncio.sleep(delay)
        closing = asyncio.create_task(database.close())
        await asyncio.sleep(0)
        for statement in statements:
            statement.cancel()
        await asyncio.gather(*statements, return_exceptions=True)
        await closing
        assert database.connections()[:2] == (0, 0)

    asyncio.run(story())
