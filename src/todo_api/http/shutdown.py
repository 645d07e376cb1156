"""How a worker stops without losing a request, before the server closes its sockets.

First it says so: readiness is 503, every answer carries `Connection: close`, and requests are served as before. Then it
shuts the door: new connections knock in vain, and knock again a second later, when another instance that shares the
port, or nobody, listens; those already in the queue are accepted. See docs/decisions/0061-shutdown-and-start.md.
"""

import asyncio
import ctypes
import os
import signal
import socket
import struct
import sys
import threading
from pathlib import Path
from typing import Final

ANNOUNCE: Final = signal.SIGUSR1
"""From the process that started the workers: begin."""
DOOR_SECONDS: Final = 0.3
"""For a handshake that is under way to end and be accepted."""

_SO_ATTACH_FILTER: Final = 26
_DROP_SYN: Final = (
    (0x30, 0, 0, 13),  # load the byte of the TCP header that has the flags
    (0x54, 0, 0, 0x12),  # SYN and ACK of them
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)
"""Classic BPF, linux/filter.h."""


class Drain:
    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.begun = False

    def listen(self) -> None:
        """In the worker's loop: begins when the parent announces it."""
        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(ANNOUNCE, self.begin)

    def begin(self) -> None:
        self.begun = True
        asyncio.get_running_loop().call_later(self.seconds, _shut_the_door)


def _shut_the_door() -> None:
    """Drops the first packet of new connections to any socket that this process listens on."""
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
