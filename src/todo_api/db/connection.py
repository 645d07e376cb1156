"""One connection to the database, and what can be known of it without asking the server."""

import secrets
import select
import time
from typing import Any, Final

import asyncpg

_ANYTHING: Final = select.POLLIN | select.POLLRDHUP


class Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    __slots__ = ("closed_by_us", "last_used_at", "mark", "poll")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.closed_by_us = False
        self.last_used_at = time.monotonic()
        self.mark = secrets.token_hex(6)
        self.poll = select.poll()
        self.poll.register(self._transport.get_extra_info("socket").fileno(), _ANYTHING)

    def is_gone(self) -> bool:
        """Whether the server has closed it, told or untold: between two statements it has nothing else to say.

        A look at the socket, no round trip. It sees what arrived after the loop last looked.
        """
        return self.is_closed() or bool(self.poll.poll(0))

    def succeeded(self) -> None:
        self.last_used_at = time.monotonic()

    def idle_seconds(self) -> float:
        return time.monotonic() - self.last_used_at

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the driver's signature
        self.closed_by_us = True
        await super().close(timeout=timeout)

    def terminate(self) -> None:
        self.closed_by_us = True
        super().terminate()

    def _get_unique_id(self, prefix: str) -> str:
        """Names of prepared statements that no other client has.

        The driver counts from 1 in every process. Behind a pooler that does not know prepared statements, one client's
        name would then find another client's statement; now it finds none.
        """
        return f"{super()._get_unique_id(prefix)}{self.mark}"
