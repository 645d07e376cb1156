"""A semaphore with a limit per user, so that the slow statements of one user do not delay those of another."""

import asyncio
from collections import deque
from typing import Final

MOST_OF_ONE_USER: Final = 4


class FairSemaphore:
    """At most `size` holders, at most four of one user, and no more of one user than slots are left for the others.

    The last rule is the dynamic threshold of Choudhury and Hahne (IEEE/ACM Transactions on Networking 6, 1998): the
    more users hold slots, the fewer each of them gets, so a user without one nearly always finds one free.

    A freed slot goes to the waiting user who holds the fewest; among equals, users take turns. Waiters of the same user
    are served in their order. Nothing is stored about a user who neither holds a slot nor waits.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._held: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """In the order of the users' turns. Each of these users holds as many as allowed at present."""

    def acquire_at_once(self, user: str) -> bool:
        """Takes a slot if that needs no waiting, and says whether it did."""
        held = self._held.get(user, 0)
        if held >= MOST_OF_ONE_USER or held >= self._free:
            return False
        self._free -= 1
        self._held[user] = held + 1
        return True

    async def acquire(self, user: str, deadline: float) -> None:
        """Waits for a slot.

        Raises:
            TimeoutError: none was free for this user until `deadline`, in the loop's time.
        """
        if self.acquire_at_once(user):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except BaseException:
            # The slot may have come at the same moment as the deadline passed or the task was cancelled.
            if waiter.done() and not waiter.cancelled():
                self.release(user)
            else:
                self._forget(user, waiter)
            raise

    def release(self, user: str) -> None:
        held = self._held.pop(user) - 1
        if held:
            self._held[user] = held
        self._free += 1
        while self._waiting and self.acquire_at_once(chosen := self._next_user()):
            waiter = self._waiting[chosen][0]
            self._forget(chosen, waiter)
            if waiter.done():
                # It was cancelled a moment ago.
                self.release(chosen)
            else:
                waiter.set_result(None)

    def _next_user(self) -> str:
        """The waiting user who holds the fewest slots. Looks at those who hold some and at one more."""
        chosen, fewest = "", MOST_OF_ONE_USER + 1
        for user in self._waiting:
            held = self._held.get(user, 0)
            if held < fewest:
                chosen, fewest = user, held
            if not held:
                break
        return chosen

    def _forget(self, user: str, waiter: asyncio.Future[None]) -> None:
        """Takes a waiter away, and puts the user's other waiters behind those of all other users."""
        waiters = self._waiting.get(user, deque())
        if waiter in waiters:
            waiters.remove(waiter)
            del self._waiting[user]
            if waiters:
                self._waiting[user] = waiters
