"""A proxy between the service and PostgreSQL that counts round trips."""

import asyncio

from tests.support.background_server import BackgroundServer
from tests.support.proxy import socket_of

_READY_FOR_QUERY = ord("Z")


class CountingProxy(BackgroundServer):
    """Each round trip ends with PostgreSQL's ReadyForQuery (protocol 3.0, message formats)."""

    def __init__(self, database_url: str) -> None:
        super().__init__()
        self._socket = socket_of(database_url)
        self.delay = 0.0
        """Seconds added to each message to the server."""
        self.round_trips = 0

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(self._socket)
        try:
            await asyncio.gather(self._to_server(reader, upstream_writer), self._to_client(upstream_reader, writer))
        finally:
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
