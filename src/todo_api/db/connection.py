"""One connection to the database, and its state as far as it is known without a query."""

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
        """Whether the server has closed the connection, with or without a message.

        The server sends nothing else between two statements, so any unread byte means that. This is one `poll` of the
        socket, not a round trip. It sees bytes that the event loop has not read yet.
        """
        return self.is_closed() or bool(self.poll.poll(0))

    def succeeded(self) -> None:
        """Notes the time: a statement was answered."""
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
        """Returns a name for a prepared statement that no other client uses.

        The driver counts from 1 in every process. Behind a pooler that does not support prepared statements, such a
        name could refer to another client's statement. A unique name refers to none.
        """
        return f"{super()._get_unique_id(prefix)}{self.mark}"
