"""The drain of a worker: it stops without losing a request, before the server closes its sockets.

First the worker announces the stop: readiness is 503, every answer carries `Connection: close`, and requests are served
as before. Then it drops the SYN packets of new connections and accepts the connections that are already in the queue.
A client sends its SYN again after one second and reaches another instance that shares the port.
See docs/decisions/0061-shutdown-and-start.md; docs/decisions/0105-socket-filter-measured.md has the requests that are
lost without the filter.
"""

import asyncio
import ctypes
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

ANNOUNCE: Final = signal.SIGUSR1
"""The signal with which the parent process starts the drain of its workers."""
ACCEPT_SECONDS: Final = 0.3
"""The time for a started handshake to end and for its connection to be accepted."""

_SO_ATTACH_FILTER: Final = 26
_DROP_SYN: Final = (
    (0x30, 0, 0, 13),  # load the byte of the TCP header that has the flags
    (0x54, 0, 0, 0x12),  # keep the flags SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN without ACK?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)
"""Classic BPF: code, jump if true, jump if false, operand (linux/filter.h)."""


class Drain:
    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.begun = False
        self.on_begin: list[Callable[[], None]] = []
        """Called when the drain begins, for requests that would last longer than it."""

    def listen(self) -> None:
        """Makes the worker's event loop begin the drain at the parent's signal."""
        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(ANNOUNCE, self.begin)

    def begin(self) -> None:
        self.begun = True
        for call in self.on_begin:
            call()
        if self.seconds:
            asyncio.get_running_loop().call_later(self.seconds, _drop_new_connections)


def _drop_new_connections() -> None:
    """Drops the first packet of each new connection to the listening sockets of this process. Linux only."""
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN))
    filter_ = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(program))
    for file in [*Path("/proc/self/fd").iterdir()]:
        if not file.is_socket():
            continue
        with socket.socket(fileno=os.dup(int(file.name))) as listening:
            inet = listening.family in (socket.AF_INET, socket.AF_INET6)
            if inet and listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)
