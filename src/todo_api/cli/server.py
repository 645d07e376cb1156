"""Granian with the settings of the service."""

import errno
import gc
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

import click
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer
from litestar import Litestar

from todo_api.app import create_app
from todo_api.auth.tokens import development_token
from todo_api.config.settings import Settings, load_settings
from todo_api.http.shutdown import ACCEPT_SECONDS, ANNOUNCE
from todo_api.observability import logs
from todo_api.observability.metrics import DIRECTORY as METRICS_DIRECTORY

_HEADER_BYTES: Final = 16 * 1024
_HEADER_MILLISECONDS: Final = 5000
_STOP_SECONDS: Final = 25
"""Below the 30 that Kubernetes gives by default."""
_CONNECTIONS: Final = 4096
"""Open connections of each worker. A single client that sends half headers can hold Granian's default of 1024."""
_EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - only compared with
_BANNER_TOKEN_SECONDS: Final = 12 * 3600
_BANNER_USER: Final = "ann"
_READY_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.1
_DIRECT: Final = build_opener(ProxyHandler({}))
"""Opens URLs without the proxy that the environment may name."""


class PortTaken(Exception):
    """The service cannot listen on its address. One line that says why and what to do."""


class _Server(MPServer):
    """Drains the workers before it stops them. Granian closes its sockets at once, which cuts off new connections."""

    drain_seconds = 0
    address_to_print: str | None = None

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]  # Granian's own
        if self.address_to_print is not None:
            # After the workers were forked: a fork copies no threads, but may copy a lock that one of them holds.
            threading.Thread(target=_print_when_ready, args=(self.address_to_print,), daemon=True).start()

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            if worker.inner.is_alive():
                os.kill(worker.inner.pid, ANNOUNCE)
        if self.drain_seconds:
            time.sleep(self.drain_seconds + ACCEPT_SECONDS)
        super()._stop_workers()  # type: ignore[no-untyped-call]  # Granian's own


def serve(settings: Settings, *, reuse_port: bool) -> None:
    """Serves until SIGINT or SIGTERM, then drains.

    Raises:
        PortTaken: the address cannot be used, and `reuse_port` is False.
    """
    if not reuse_port:
        _check_port(settings.host, settings.port)
    # The workers read their settings from the environment.
    os.environ["DATABASE_URL"] = settings.database_url or ""
    base = _base(settings)
    if not settings.production:
        _print_addresses(settings, base)
    # Ignored until a worker has its handler: the signal would end a worker that is still starting.
    signal.signal(ANNOUNCE, signal.SIG_IGN)
    _allow_files(2 * _CONNECTIONS)
    server = _Server(
        "todo_api.app:create_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS, max_buffer_size=_HEADER_BYTES),
        websockets=False,
        respawn_failed_workers=True,
        backpressure=_CONNECTIONS,
        workers_kill_timeout=max(_STOP_SECONDS - settings.drain_seconds, 5),
        log_level=LogLevels(settings.log_level.lower()) if settings.production else LogLevels.warning,
    )
    server.drain_seconds = settings.drain_seconds
    server.address_to_print = None if settings.production else base
    logs.configure(settings)
    with _metrics_directory(settings):
        server.serve(target_loader=_load, wrap_loader=False)


@contextmanager
def _metrics_directory(settings: Settings) -> Iterator[None]:
    """A directory in which the workers share their metrics. The service writes no other files in production."""
    if settings.metrics_token is None:
        yield
    else:
        with tempfile.TemporaryDirectory(prefix="todo-api-") as os.environ[METRICS_DIRECTORY]:
            yield


def _load() -> Litestar:
    """The app, in a new worker. The signal handlers that it inherits from the server would do nothing there."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = load_settings(os.environ, Path.cwd())
    logs.configure(settings)
    app = create_app(settings)
    # Imported modules stay in memory. If the collector scanned them again and again, a request would take 15 µs longer.
    gc.collect()
    gc.freeze()
    return app


def _allow_files(wanted: int) -> None:
    """Raises the limit of open files as far as allowed: each connection is a file, and the usual limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _check_port(host: str, port: int) -> None:
    """Granian listens with SO_REUSEPORT: without this check, two servers would answer in turn."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            advice = "check that HOST is an address of this machine and that PORT is allowed"
            if error.errno == errno.EADDRINUSE:
                advice = "stop the process that uses this port, or set PORT"
            raise PortTaken(f"cannot listen on {host}:{port} ({error.strerror}): {advice}") from None


def _base(settings: Settings) -> str:
    host = "localhost" if settings.host in _EVERY_ADDRESS else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _print_when_ready(base: str) -> None:
    """Prints one line when a worker answers and its database is there, or when this takes too long."""
    deadline = time.monotonic() + _READY_SECONDS
    message = f"not ready after {_READY_SECONDS} seconds: run `todo-api check` to see why"
    while time.monotonic() < deadline:
        try:
            with _DIRECT.open(f"{base}/health/ready", timeout=_READY_SECONDS):
                message = "ready; press Ctrl-C to stop"
                break
        except OSError:  # not listening yet, or 503
            time.sleep(_POLL_SECONDS)
    click.echo(message)
    sys.stdout.flush()


def _print_addresses(settings: Settings, base: str) -> None:
    token = development_token(
        _BANNER_USER, settings.secrets[0], settings.jwt_issuer, settings.jwt_audience, _BANNER_TOKEN_SECONDS
    )
    click.echo(f"API   {base}/api/{{user_id}}/tasks")
    if settings.docs_enabled:
        click.echo(f"docs  {base}/docs")
    click.echo(f"try   curl -H 'Authorization: Bearer {token}' {base}/api/{_BANNER_USER}/tasks")
    sys.stdout.flush()
