"""Server-sent events: the response, its client, and the format (https://html.spec.whatwg.org/#server-sent-events).

Litestar's `ServerSentEvent` needs two more tasks and 11 kB more for each stream, and it does not cut slow readers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, Final

from litestar import Request, Response
from litestar.types import ASGIApp, Receive, Send

from todo_api.errors import ApiError, TooManyStreams
from todo_api.http.shutdown import Drain
from todo_api.observability.context import RequestContext, count_event, request_context, worker_stats
from todo_api.unavailable import Stopping

CONTENT_TYPE: Final = "text/event-stream"
COMMENT: Final = b":\n\n"
"""An event without content. Clients ignore it; proxies see that the stream is not idle."""
MOST_OF_ONE_USER: Final = 10
MOST_OF_A_WORKER: Final = 2500
"""Below the 4096 connections that the server accepts."""
_SEND_SECONDS: Final = 10.0
"""For the server to take one event. It takes about 4 MB before it waits for the client."""
_LAST_SEND_SECONDS: Final = 1.0
_LINE_ENDS: Final = [(b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029")]
"""They end no line of the format. They do in Python's `str.splitlines`, with which httpx and others read it."""
_HEADERS: Final = [(b"content-type", CONTENT_TYPE.encode()), (b"x-accel-buffering", b"no")]


class ClientTooSlow(Exception):
    """The client does not read. The event was not sent."""


class OpenStreams:
    """Counts the streams of this worker, and says when they have to end."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._used: dict[str, int] = {}

    @property
    def stopping(self) -> bool:
        return self._drain.begun

    def used(self, user: str) -> int:
        return self._used.get(user, 0)

    def enter(self, user: str) -> None:
        """Counts one more.

        Raises:
            Stopping: the worker stops.
            TooManyStreams: the user or the worker has as many as allowed.
        """
        if self.stopping:
            raise Stopping
        used = self.used(user)
        if used >= MOST_OF_ONE_USER or worker_stats.streams >= MOST_OF_A_WORKER:
            raise TooManyStreams
        self._used[user] = used + 1
        worker_stats.streams += 1

    def leave(self, user: str) -> None:
        worker_stats.streams -= 1
        left = self._used.pop(user) - 1
        if left:
            self._used[user] = left


class StreamClient:
    """The receiver of one stream. It has no queue: `send` waits for the server to take the event."""

    __slots__ = ("_context", "_gone", "_receive", "_send", "is_head")

    def __init__(self, receive: Receive, send: Send, *, is_head: bool) -> None:
        self._receive = receive
        self._send = send
        self.is_head = is_head
        self._context = request_context.get() or RequestContext()

    @property
    def is_gone(self) -> bool:
        return self._gone.done()

    async def open(self, wake: Callable[[], None]) -> None:
        """Starts the response. Calls `wake` when the client disconnects.

        The server raises nothing when it sends to a client that is gone. Only `receive` says so.
        """
        self._gone = asyncio.create_task(self._until_disconnect())
        self._gone.add_done_callback(lambda _: wake())
        self._context.opened_at = perf_counter()
        await self._send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS]})

    async def send(self, data: bytes, event: str = "", seconds: float = _SEND_SECONDS) -> None:
        """Sends an event or a comment. `event` is its name for the counters.

        Raises:
            ClientTooSlow: the server did not take it within `seconds`.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
        except TimeoutError:
            raise ClientTooSlow from None
        if event:
            self._context.events += 1
            count_event("stream_event", event)

    async def close(self, reason: str, last: bytes = b"") -> None:
        """Ends the stream, after the event `last` if the client takes it."""
        self._context.ended = reason
        with suppress(ClientTooSlow, TimeoutError):
            if last:
                await self.send(last, "end", _LAST_SEND_SECONDS)
            async with asyncio.timeout(_LAST_SEND_SECONDS):
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def release(self) -> None:
        """Stops waiting for a disconnect."""
        if hasattr(self, "_gone"):
            self._gone.cancel()

    async def _until_disconnect(self) -> None:
        with suppress(ApiError):  # the request's body did not arrive
            message = await self._receive()
            while message["type"] != "http.disconnect":
                message = await self._receive()


class EventStream(Response[str]):
    """A Litestar response that `run` sends, event by event."""

    def __init__(self, run: Callable[[StreamClient], Awaitable[None]]) -> None:
        super().__init__("", media_type=CONTENT_TYPE)
        self._run = run

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> ASGIApp:  # type: ignore[override]
        run, is_head = self._run, request.scope["state"].get("head", False)

        async def stream(_: Any, receive: Receive, send: Send) -> None:
            await run(StreamClient(receive, send, is_head=is_head))

        return stream


def event(name: str, data: bytes, *, id_: str | None = None, retry_ms: int | None = None) -> bytes:
    """An event. `data`: JSON in one line. `retry_ms`: the pause before clients connect again."""
    for character, escape in _LINE_ENDS:
        data = data.replace(character, escape)
    lines = [b"event: %b" % name.encode()]
    if id_ is not None:
        lines.append(b"id: %b" % id_.encode())
    if retry_ms is not None:
        lines.append(b"retry: %d" % retry_ms)
    return b"\n".join([*lines, b"data: %b" % data, b"", b""])
