"""An asyncio server in its own thread, for a test that talks to it."""

import asyncio
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from tests.support.service import free_port


class BackgroundServer(ABC):
    """Serves while its `with` block runs."""

    def __init__(self) -> None:
        self.port = free_port()
        """Stays reserved while the server does not listen."""
        self._started = threading.Event()
        self._accepted: set[asyncio.Task[None]] = set()
        """Connections that are being served."""

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=256)

    async def _close(self) -> None:
        self._server.close()

    async def _end(self) -> None:
        """Ends the connections that are open when the `with` block ends: cancels them, unless overridden."""
        for task in self._accepted:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._accepted.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            self._accepted.discard(task)
            writer.close()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        await self._open()
        self._started.set()
        await self._done.wait()
        await self._close()
        await self._end()
        await asyncio.gather(*self._accepted, return_exceptions=True)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), daemon=True)
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)
