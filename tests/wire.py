"""A proxy between the service and PostgreSQL that counts what goes over the wire."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, unquote, urlsplit

_READY_FOR_QUERY = ord("Z")


class Wire:
    """Counts round trips: each ends with PostgreSQL's ReadyForQuery (protocol 3.0, message formats)."""

    def __init__(self, database_url: str) -> None:
        parts = urlsplit(database_url)
        self._socket = unquote(parse_qs(parts.query)["host"][0]) + "/.s.PGSQL.5432"
        self._started = threading.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self.delay = 0.0
        self.round_trips = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._done.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(self._socket)
        try:
            await asyncio.gather(self._to_server(reader, upstream_writer), self._to_client(upstream_reader, writer))
        finally:
            self._connections.discard(task)
            writer.close()
            upstream_writer.close()

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.delay:
                await asyncio.sleep(self.delay)
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            except asyncio.IncompleteReadError:
                break
            self.round_trips += head[0] == _READY_FOR_QUERY
            writer.write(head + body)
            await writer.drain()
        writer.close()

    def start(self) -> None:
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)


@contextmanager
def wire(database_url: str) -> Iterator[Wire]:
    proxy = Wire(database_url)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
