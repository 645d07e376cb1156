"""Two processes never get the same port, however many test runs share a machine."""

import ast
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.service import free_port

ROOT = Path(__file__).parents[2]
PROCESSES = 4
PORTS = 400
"""For each process. Of 1600 ports that are bound and closed again, dozens are the same."""

_RESERVE = """
import sys
from tests.support.service import free_port
print(*(free_port() for _ in range(int(sys.argv[1]))), flush=True)
sys.stdin.read()
"""


def test_processes_that_ask_at_once_never_get_the_same_port() -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _RESERVE, str(PORTS)],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(PROCESSES)
        ]
        lines = [process.stdout.readline() for process in processes if process.stdout]
    ports = [int(port) for line in lines for port in line.split()]
    assert len(ports) == PROCESSES * PORTS
    assert len(set(ports)) == len(ports)


def test_a_reserved_port_refuses_connections_until_its_server_listens() -> None:
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)):
            socket.create_connection(("127.0.0.1", port), 5).close()


def test_a_reserved_port_is_taken_by_one_server_that_reuses_addresses() -> None:
    """A server without SO_REUSEADDR is refused, and so is a second server."""
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="already in use"):
        other.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OSError, match="already in use"):
        socket.create_server(("127.0.0.1", port))


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "scripts"])
def test_ports_are_reserved_by_free_port_alone(folder: str) -> None:
    """No other code binds a socket: a port that is bound to 0 and closed again may go to another process."""
    pages = []
    for directory, folders, names in (ROOT / folder).walk():
        folders[:] = [name for name in folders if name not in {"node_modules", ".build"}]
        pages += [directory / name for name in names if name.endswith(".py")]
    assert pages
    binding = {
        str(page.relative_to(ROOT))
        for page in pages
        for node in ast.walk(ast.parse(page.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "bind"
    }
    assert binding <= {"tests/support/service.py", "tests/architecture/test_ports.py"}
