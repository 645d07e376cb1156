"""The real service, as a process of its own, and ports that no other process can get."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

SECRET = "a-secret-for-the-tests-0123456789abcdef"
OTHER_SECRET = "the-secret-before-it-0123456789abcdefgh"
ORIGIN = "http://localhost:3000"
PROGRAM = Path(sys.executable).with_name("todo-api")


_reserved: list[socket.socket] = []


def free_port() -> int:
    """Reserves a port for this process until it ends: the kernel gives it to nobody else on this machine.

    The socket stays bound and never listens. So connections are refused until a server listens, and only a server
    that sets SO_REUSEADDR and names the port can bind it: Granian, PostgreSQL, PgBouncer, Node and asyncio do so.
    A port that is bound to 0 and closed again would be free for another process, whose Granian would share it by
    SO_REUSEPORT and answer half of the requests.
    """
    return _reserve(0)


def free_ports(count: int) -> int:
    """Reserves `count` ports in a row, as `free_port` does, and returns the first of them."""
    while True:
        first = free_port()
        # OSError: another process has one of them.
        with suppress(OSError):
            for offset in range(1, count):
                _reserve(first + offset)
            return first


def _reserve(wanted: int) -> int:
    """`wanted`: a port, or 0 for any.

    Raises:
        OSError: another process has this port.
    """
    ipv6 = socket.has_dualstack_ipv6()
    holder = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET)
    if ipv6:
        # Both families, since `localhost` may be either.
        holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind(("", wanted))
    except OSError:
        holder.close()
        raise
    _reserved.append(holder)
    port: int = holder.getsockname()[1]
    return port


def environment(**settings: str) -> dict[str, str]:
    """The environment of a service: of this machine's variables only those that find programs and their files."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return (
        kept
        | {"BETTER_AUTH_SECRET": f"{SECRET},{OTHER_SECRET}", "RATE_LIMIT": "off", "PYTHONUNBUFFERED": "1"}
        | settings
    )


class Service:
    """`todo-api run` in `directory`. It writes its output to `log`."""

    def __init__(self, directory: Path, settings: Mapping[str, str], *options: str) -> None:
        self.port = int(settings.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "service.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [PROGRAM, "run", *options],
                cwd=directory,
                env=environment(**{**settings, "PORT": str(self.port)}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_it_answers(self, path: str = "/health/ready", seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended with {self.process.returncode}: {self.log.read_text()}")
            # A refused connection: it does not listen yet.
            with suppress(httpx.TransportError):
                if httpx.get(self.url + path, timeout=2).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the service does not answer: {self.log.read_text()}")

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Ends the service and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise

    def kill(self) -> None:
        """Kills the service and its workers, and returns when none of them listens any more.

        A worker may end after the process that started it. Until then the port is in use for the next service.
        """
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        self.wait_until_nobody_listens()

    def wait_until_nobody_listens(self) -> None:
        deadline = time.monotonic() + 30
        while self._listens():
            assert time.monotonic() < deadline, "a worker still listens"
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def running(directory: Path, settings: Mapping[str, str], *options: str) -> Iterator[Service]:
    service = Service(directory, settings, *options)
    try:
        service.wait_until_it_answers()
        yield service
    finally:
        service.stop()
