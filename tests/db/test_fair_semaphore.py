"""The semaphore limits each user, shares slots fairly and forgets users."""

import asyncio
from collections.abc import Awaitable

import pytest

from todo_api.db.fair_semaphore import FairSemaphore


def soon() -> float:
    return asyncio.get_running_loop().time() + 30


async def waiting(semaphore: FairSemaphore, *users: str) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(semaphore.acquire(user, soon())) for user in users]
    await asyncio.sleep(0)
    return tasks


async def got(*tasks: Awaitable[None]) -> list[bool]:
    """Which of the tasks have a slot."""
    for _ in range(3):
        await asyncio.sleep(0)
    return [task.done() for task in tasks if isinstance(task, asyncio.Task)]


def is_empty(semaphore: FairSemaphore) -> bool:
    return not (semaphore._held or semaphore._waiting)


def test_a_user_gets_four_slots_and_the_fifth_caller_waits_for_one() -> None:
    async def story() -> None:
        semaphore = FairSemaphore(15)
        assert [semaphore.acquire_at_once("ann") for _ in range(5)] == [True] * 4 + [False]
        assert semaphore.acquire_at_once("bob")
        tasks = await waiting(semaphore, "ann", "ann")
        semaphore.release("ann")
        assert await got(*tasks) == [True, False]
        semaphore.release("ann")
        assert await got(*tasks) == [True, True]
        for user in ("ann", "ann", "ann", "ann", "bob"):
            semaphore.release(user)
        assert is_empty(semaphore)

    asyncio.run(story())


@pytest.mark.parametrize(("size", "most"), [(1, 1), (2, 1), (3, 2), (5, 3), (7, 4), (15, 4)])
def test_a_user_alone_leaves_slots_for_others(size: int, most: int) -> None:
    semaphore = FairSemaphore(size)
    assert [semaphore.acquire_at_once("ann") for _ in range(most + 1)] == [True] * most + [False]


def test_the_more_users_the_fewer_slots_each_of_them_gets() -> None:
    semaphore = FairSemaphore(15)
    users = [f"user{number}" for number in range(4)]
    for _ in range(5):
        for user in users:
            semaphore.acquire_at_once(user)
    assert [semaphore._held[user] for user in users] == [3, 3, 3, 3]
    assert [semaphore.acquire_at_once(user) for user in ("a", "b", "c", "d")] == [True, True, True, False]


def test_a_free_slot_goes_to_the_user_with_the_fewest_and_equals_take_turns() -> None:
    async def story() -> None:
        semaphore = FairSemaphore(2)
        assert semaphore.acquire_at_once("ann")
        assert semaphore.acquire_at_once("bob")
        tasks = await waiting(semaphore, "ann", "ann", "bob", "eve", "bob")
        semaphore.release("ann")
        assert await got(*tasks) == [True, False, False, False, False]
        semaphore.release("bob")
        assert await got(*tasks) == [True, False, True, False, False]
        semaphore.release("ann")
        assert await got(*tasks) == [True, False, True, True, False]
        semaphore.release("eve")
        assert await got(*tasks) == [True, True, True, True, False]
        semaphore.release("bob")
        assert await got(*tasks) == [True] * 5
        semaphore.release("ann")
        semaphore.release("bob")
        assert is_empty(semaphore)

    asyncio.run(story())


def test_a_caller_that_waits_too_long_or_is_cancelled_takes_no_slot() -> None:
    async def story() -> None:
        semaphore = FairSemaphore(1)
        assert semaphore.acquire_at_once("ann")
        with pytest.raises(TimeoutError):
            await semaphore.acquire("ann", asyncio.get_running_loop().time() + 0.01)
        cancelled, late, last = await waiting(semaphore, "ann", "bob", "bob")
        cancelled.cancel()
        semaphore.release("ann")
        assert await got(cancelled, late, last) == [True, True, False]
        assert cancelled.cancelled()
        semaphore.release("bob")
        # The slot and the cancellation come at the same moment.
        last.cancel()
        await got(last)
        assert last.cancelled()
        assert is_empty(semaphore)
        assert semaphore.acquire_at_once("eve")

    asyncio.run(story())
