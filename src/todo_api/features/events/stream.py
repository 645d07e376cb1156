"""One stream of one user's changes."""

import asyncio
import logging
import random
import time
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg

from todo_api.errors import AccountErased, CursorExpired
from todo_api.features.events.pages import Page, Pages
from todo_api.features.events.structs import EndCode, StreamEnd
from todo_api.http.event_stream import COMMENT, ClientTooSlow, OpenStreams, StreamClient, event
from todo_api.http.response import encoded
from todo_api.observability.context import worker_stats
from todo_api.unavailable import Unavailable

_COMMENT_SECONDS: Final = 20.0
_AGAIN_SECONDS: Final = (0.5, 2.0)
"""Before the next read after one that failed."""
_LOST_RETRY_MS: Final = (1000, 5000)
"""If the connection ends without the event `end`."""
_RETRY_MS: Final[dict[EndCode, tuple[int, int]]] = {
    "token_expired": (100, 1000),
    "stopping": (1000, 8000),
    "too_slow": (5000, 15000),
    "cursor_expired": (1000, 8000),
}
"""Bounds of the random pause. Many streams end together when an instance stops or a backup was restored."""
_LOG: Final = logging.getLogger(__name__)


class Token(NamedTuple):
    user: str
    issued: datetime
    expires: float
    """Unix time."""


class Stream:
    """Sends the changes of one user until the client, the token or the service ends."""

    def __init__(self, token: Token, cursor: str | None, streams: OpenStreams, pages: Pages) -> None:
        """`cursor`: where to begin; None: now."""
        self.me = token.user
        self.cursor = cursor
        self._change_id = -1
        """The last change that the client has."""
        self._token = token
        self._streams = streams
        self._pages = pages
        self._woken = asyncio.Event()
        self._reading: asyncio.Task[Page] | None = None
        self._has_more = False
        self._not_before = 0.0
        """No read begins earlier, in the loop's time."""

    async def run(self, client: StreamClient) -> None:
        """Errors are raised only before the response has started.

        Raises:
            Stopping, TooManyStreams: as `OpenStreams.enter`.
            AccountErased: the account was erased after the token was issued.
            errors.Unavailable, asyncpg.PostgresError: as `Database.fetch`.
        """
        self._streams.enter(self.me)
        try:
            first = await self._first_page()
            await client.open(self._woken.set)
            if client.is_head:
                await client.close("head")
            elif first is None:
                await self._end(client, "cursor_expired")
            else:
                with self._pages.revisions.watching(self.me, self._woken.set):
                    await self._send_until_the_end(client, first)
        finally:
            client.release()
            self._streams.leave(self.me)

    async def _first_page(self) -> Page | None:
        """None: the cursor has expired. That is an event, as it is later: clients handle it at one place."""
        try:
            return await asyncio.shield(self._read())
        except CursorExpired:
            return None

    async def _send_until_the_end(self, client: StreamClient, first: Page) -> None:
        try:
            ready = event("ready", b"{}", id_=self.cursor or first.cursor, retry_ms=_random_ms(_LOST_RETRY_MS))
            await client.send(ready, "ready")
            await self._send_page(client, first)
            code = await self._follow(client)
        except ClientTooSlow:
            code = "too_slow"
        if code is None:
            await client.close("client")
        else:
            await self._end(client, code)

    async def _end(self, client: StreamClient, code: EndCode) -> None:
        pause = _random_ms(_RETRY_MS[code])
        await client.close(code, event("end", encoded(StreamEnd(code, pause)), retry_ms=pause))

    async def _follow(self, client: StreamClient) -> EndCode | None:
        """Sends pages and comments. Returns why the stream ends; None: the client is gone."""
        loop = asyncio.get_running_loop()
        comment_at = loop.time() + _COMMENT_SECONDS
        while not client.is_gone:
            if self._streams.stopping:
                return "stopping"
            token_seconds = self._token.expires - time.time()
            if token_seconds <= 0:
                return "token_expired"
            if self._reading is not None and self._reading.done():
                reading, self._reading = self._reading, None
                try:
                    await self._send_page(client, reading.result())
                except (AccountErased, CursorExpired):
                    return "cursor_expired"
                except (Unavailable, asyncpg.PostgresError) as error:
                    _LOG.info("stream: a read failed: %s", type(error).__name__)
                    self._not_before = loop.time() + random.uniform(*_AGAIN_SECONDS)  # noqa: S311 - not for cryptography
                continue
            now = loop.time()
            wake_at = min(comment_at, now + token_seconds)
            if self._reading is None and self._is_behind():
                if now >= self._not_before:
                    self._reading = self._read()
                    self._reading.add_done_callback(self._wake)
                else:
                    wake_at = min(wake_at, self._not_before)
            if now >= comment_at:
                await client.send(COMMENT)
                comment_at = loop.time() + _COMMENT_SECONDS
                continue
            await self._sleep_until(wake_at)
        return None

    def _read(self) -> asyncio.Task[Page]:
        return self._pages.after(self.me, self._token.issued, self.cursor)

    def _is_behind(self) -> bool:
        return self._has_more or self._pages.revisions.known(self.me) != self._change_id

    async def _send_page(self, client: StreamClient, page: Page) -> None:
        if page.change_id == self._change_id and not page.event:
            # Another statement knew a revision that this one did not see. It is looked for again, but not at once.
            self._not_before = asyncio.get_running_loop().time() + _AGAIN_SECONDS[0]
        if page.event:
            await client.send(page.event, "changes")
            if page.changed_at is not None and self._change_id >= 0 and not self._has_more:
                worker_stats.observe_lag(max(0.0, time.time() - page.changed_at.timestamp()))
        self.cursor, self._change_id, self._has_more = page.cursor, page.change_id, page.has_more

    async def _sleep_until(self, moment: float) -> None:
        try:
            async with asyncio.timeout_at(moment):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    def _wake(self, _: object) -> None:
        self._woken.set()


def _random_ms(bounds: tuple[int, int]) -> int:
    return random.randint(*bounds)  # noqa: S311 - not for cryptography
