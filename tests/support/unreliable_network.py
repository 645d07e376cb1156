"""An unreliable network between clients and the service. The header `X-Fault` of a request names its fault."""

import asyncio
import time
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec

from tests.support.background_server import BackgroundServer

Fault = Literal["none", "request lost", "answer lost", "late", "twice"]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
_LATE_SECONDS: Final = 0.02


class Delivery(NamedTuple):
    """A request that reached the service and the service's answer, which may not have reached the client."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int | None
    """None: the service ended before it answered, so the outcome is unknown."""
    answer_headers: dict[str, str]
    answer: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.answer)


class UnreliableNetwork(BackgroundServer):
    """A proxy to the service at `port` that takes one request for each connection."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._service_port = port
        self.deliveries: list[Delivery] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settle(self, seconds: float = 20) -> None:
        """Waits until every request has been delivered or dropped."""
        deadline = time.monotonic() + seconds
        while self._accepted:
            assert time.monotonic() < deadline, "a request was not delivered in time"
            time.sleep(0.002)

    async def _end(self) -> None:
        """Delivers the requests that are still open."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        await self._forward(lines[0], headers, head + body, writer)

    async def _forward(self, line: str, headers: dict[str, str], sent: bytes, client: asyncio.StreamWriter) -> None:
        match headers.get("x-fault", "none"):
            case "request lost":
                client.transport.abort()
            case "answer lost":
                await self._deliver(line, headers, sent)
                client.transport.abort()
            case "late":
                client.transport.abort()
                await asyncio.sleep(_LATE_SECONDS)
                await self._deliver(line, headers, sent)
            case "twice":
                both = [asyncio.create_task(self._deliver(line, headers, sent)) for _ in range(2)]
                done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                client.write(done.pop().result())
                await asyncio.wait(both)
            case _:
                client.write(await self._deliver(line, headers, sent))

    async def _deliver(self, line: str, headers: dict[str, str], sent: bytes) -> bytes:
        method, path, _ = line.split(" ")
        answer = b""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._service_port)
            writer.write(sent)
            answer = await reader.read(-1)
            writer.close()
        except OSError:
            answer = b""
        head, complete, content = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1]) if complete else None
        answered = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        body = sent.partition(b"\r\n\r\n")[2]
        self.deliveries.append(Delivery(method, path, headers, body, status, answered, content))
        return answer if complete else b""
