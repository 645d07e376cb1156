"""Idle streams: memory and CPU time of each, and memory after many clients connected and vanished.

.venv/bin/python -m benchmarks.hostile.idle_streams [STREAMS] [WORKERS] [SECONDS] [VANISHINGS]

Each user has ten streams, and a worker takes 2500. STREAMS above 20,000 need `ulimit -n` above that; several source
addresses of 127.0.0.0/8 are used, so ports suffice. Load goes to loopback only.
"""

import asyncio
import resource
import sys
import time

import psutil

from benchmarks.hostile.server import service
from tests.support.client import fresh_user, token_for
from tests.support.service import Service

_AT_ONCE = 50


def workers_of(started: Service) -> list[psutil.Process]:
    return psutil.Process(started.process.pid).children()


def kilobytes(started: Service) -> float:
    return float(sum(worker.memory_full_info().uss for worker in workers_of(started))) / 1000


def cpu_seconds(started: Service) -> float:
    return float(sum(sum(worker.cpu_times()[:2]) for worker in workers_of(started)))


async def opened(port: int, user: str, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Tries again until a worker has room: the kernel spreads connections over workers by chance."""
    source = (f"127.0.0.{2 + number % 8}", 0)
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source, limit=2**12)
        head = f"GET /api/{user}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token_for(user)}\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " in answer.split(b"\r\n", 1)[0]:
            await reader.readuntil(b"event: ready")
            return reader, writer
        writer.transport.abort()
        await asyncio.sleep(0.2)


async def measure(started: Service, streams: int, seconds: float, vanishings: int) -> None:
    users = [fresh_user("ann") for _ in range(-(-streams // 10))]
    _, warm = await opened(started.port, users[0], 0)
    warm.transport.abort()
    await asyncio.sleep(1)
    before = kilobytes(started)
    held: list[asyncio.StreamWriter] = []
    began = time.monotonic()
    for first in range(0, streams, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, streams))
        pairs = await asyncio.gather(*(opened(started.port, users[number // 10], number) for number in numbers))
        held += [writer for _, writer in pairs]
    print(f"{streams} streams of {len(users)} users opened in {time.monotonic() - began:.0f} s", flush=True)
    await asyncio.sleep(2)
    print(f"memory: {(kilobytes(started) - before) / streams:.1f} kB a stream", flush=True)
    cpu = cpu_seconds(started)
    await asyncio.sleep(seconds)
    used = cpu_seconds(started) - cpu
    print(
        f"CPU in {seconds:.0f} s: {used:.2f} s, {used / seconds / streams * 1e6:.1f} µs a second and stream", flush=True
    )
    for writer in held:
        writer.transport.abort()
    await asyncio.sleep(3)
    print(f"memory above the start after all vanished: {(kilobytes(started) - before) / 1000:.1f} MB", flush=True)
    for first in range(0, vanishings, _AT_ONCE):
        user = users[first // _AT_ONCE % len(users)]
        few = [fresh_user("bob") for _ in range(5)] if len(users) < 5 else users[first % len(users) :][:5] or [user]
        pairs = await asyncio.gather(
            *(opened(started.port, few[number % len(few)], number) for number in range(_AT_ONCE))
        )
        for _, writer in pairs:
            writer.transport.abort()
        if first % (vanishings // 5 // _AT_ONCE * _AT_ONCE or 1) == 0:
            print(f"{first} vanished: {(kilobytes(started) - before) / 1000:.1f} MB above the start", flush=True)


def main() -> None:
    arguments = [float(argument) for argument in sys.argv[1:]] + [10_000, 4, 60, 100_000][len(sys.argv) - 1 :]
    streams, workers, seconds, vanishings = arguments
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with service(WEB_CONCURRENCY=str(int(workers)), LOG_LEVEL="WARNING", DRAIN_SECONDS="0") as started:
        asyncio.run(measure(started, int(streams), seconds, int(vanishings)))
        began = time.monotonic()
        started.stop()
        print(f"stopped in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
