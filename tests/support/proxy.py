"""A TCP proxy that delays, cuts and half-opens connections."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.background_server import BackgroundServer

_NO_LINGER = struct.pack("ii", 1, 0)
_ANSWER_SECONDS = 1
"""Less than the service waits for its first try of a statement."""
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


class _Pair:
    """A client's connection and the proxy's connection to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.frozen = False
        self.answered = asyncio.Event()
        """Set when the server answers a frozen connection."""

    def freeze(self) -> None:
        self.frozen = True

    def end(self, *, reset: bool = False) -> None:
        if reset:
            self.client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.client.transport.abort()
        self.client.close()
        self.server.close()


class Proxy(BackgroundServer):
    """Listens on a port of its own, in front of a server. Each setting holds until it is changed."""

    def __init__(self, upstream: str | int | list[int], tls: ssl.SSLContext | None = None) -> None:
        """`upstream`: the path of a Unix socket, or ports, which take turns; closed ones are skipped."""
        super().__init__()
        self._upstream = upstream
        self._tls = tls
        self._turn = 0
        self._pairs: set[_Pair] = set()
        self.to_server_bytes = 0
        self.accept_delay = 0.0
        """Seconds that a new connection waits before anything goes through."""
        self.cut_by_reset = False
        self.cut_and_refuse = False
        self.cut_answer_to: bytes | None = None
        """Once, after the client sends this, the server answers, and the connection ends without the answer."""

    @property
    def name(self) -> str:
        """The clients' application_name."""
        return f"proxy-{self.port}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable&application_name={self.name}"

    # Called from other threads.

    def cut(self, *, reset: bool = False) -> None:
        self._do(lambda pair: pair.end(reset=reset))

    def freeze(self) -> None:
        """Open connections stay open, and the proxy drops every byte on them."""
        self._do(_Pair.freeze)

    def refuse(self) -> None:
        """Cuts all connections and refuses new ones, as if the server were stopped."""
        self.cut()
        self._wait(self._close())

    def listen(self) -> None:
        self._wait(self._open())

    def _do(self, action: Callable[[_Pair], None]) -> None:
        async def run() -> None:
            for pair in [*self._pairs]:
                action(pair)

        self._wait(run())

    def _wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    # Run in the proxy's own thread.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Tests use the proxy to break connections, so either side may be closed.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(self.accept_delay)
            if self._tls is not None:
                assert await reader.readexactly(8) == _SSL_REQUEST
                writer.write(b"S")
                await writer.start_tls(self._tls)
            server_reader, server_writer = await self._connect()
            pair = _Pair(writer, server_writer)
            self._pairs.add(pair)
            try:
                await asyncio.gather(self._to_server(reader, pair), self._to_client(server_reader, pair))
            finally:
                self._pairs.discard(pair)
                pair.end()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._upstream, str):
            return await asyncio.open_unix_connection(self._upstream)
        ports = [self._upstream] if isinstance(self._upstream, int) else self._upstream
        self._turn += 1
        for port in ports[self._turn % len(ports) :] + ports[: self._turn % len(ports)]:
            with contextlib.suppress(ConnectionRefusedError):
                return await asyncio.open_connection("127.0.0.1", port)
        raise ConnectionRefusedError

    async def _to_server(self, reader: asyncio.StreamReader, pair: _Pair) -> None:
        while data := await reader.read(65536):
            self.to_server_bytes += len(data)
            if pair.frozen:
                continue
            cut = self.cut_answer_to is not None and self.cut_answer_to in data
            if cut:
                self.cut_answer_to = None
                pair.frozen = True
            pair.server.write(data)
            await pair.server.drain()
            if cut:
                if self.cut_and_refuse:
                    await self._close()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(pair.answered.wait(), _ANSWER_SECONDS)
                pair.end(reset=self.cut_by_reset)
                return
        if not pair.frozen and pair.server.can_write_eof():
            pair.server.write_eof()

    async def _to_client(self, reader: asyncio.StreamReader, pair: _Pair) -> None:
        while data := await reader.read(65536):
            if pair.frozen:
                pair.answered.set()
            else:
                pair.client.write(data)
                await pair.client.drain()
        if not pair.frozen:
            pair.client.close()


def socket_of(database_url: str) -> str:
    query = parse_qs(urlsplit(database_url).query)
    return f"{unquote(query['host'][0])}/.s.PGSQL.{query.get('port', ['5432'])[0]}"
